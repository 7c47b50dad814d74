/**
 * The cheapest set of n nodes with distinct operators and distinct networks. A node is an edge between its operator and its network, so the set
 * is a matching of n edges in a bipartite graph; successive cheapest augmenting paths (Ford and Fulkerson's method with
 * Bellman and Ford's distances) find a matching of least cost for each size on the way to n.
 */

export interface Edge {
  readonly operator: number;
  readonly subnet: number;
  /** Compared first: how unwelcome the node is whatever its price. */
  readonly reluctance: number;
  readonly cost: number;
}

interface Graph {
  readonly edges: readonly Edge[];
  /** Dense vertices of each edge. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly leftCount: number;
  readonly rightCount: number;
}

const NONE = -1;

/** Places in `edges` of a cheapest matching of `size` edges, or of the largest there is; deterministic for the given order. */
export function cheapestMatching(edges: readonly Edge[], size: number): number[] {
  const graph = compact(edges);
  const edgeOfLeft = new Int32Array(graph.leftCount).fill(NONE);
  const edgeOfRight = new Int32Array(graph.rightCount).fill(NONE);
  for (let found = 0; found < size; found += 1) {
    const path = cheapestPath(graph, edgeOfLeft, edgeOfRight);
    if (path === undefined) break;
    // From the free network back to the free operator: each edge on the way to a network enters, the one that held it has left.
    for (const edge of path) {
      edgeOfLeft[graph.from[edge]!] = edge;
      edgeOfRight[graph.to[edge]!] = edge;
    }
  }
  return [...edgeOfLeft].filter((edge) => edge !== NONE).sort((a, b) => a - b);
}

function compact(edges: readonly Edge[]): Graph {
  const left = new Map<number, number>();
  const right = new Map<number, number>();
  const vertex = (known: Map<number, number>, name: number): number => {
    const number = known.get(name) ?? known.size;
    known.set(name, number);
    return number;
  };
  const from = Int32Array.from(edges, ({ operator }) => vertex(left, operator));
  const to = Int32Array.from(edges, ({ subnet }) => vertex(right, subnet));
  return { edges, from, to, leftCount: left.size, rightCount: right.size };
}

/** The edges that enter the matching along a cheapest augmenting path, or undefined when there is none. */
function cheapestPath(graph: Graph, edgeOfLeft: Int32Array, edgeOfRight: Int32Array): number[] | undefined {
  const { edges, from, to, leftCount, rightCount } = graph;
  const leftReluctance = new Float64Array(leftCount).fill(Number.POSITIVE_INFINITY);
  const leftCost = new Float64Array(leftCount);
  const rightReluctance = new Float64Array(rightCount).fill(Number.POSITIVE_INFINITY);
  const rightCost = new Float64Array(rightCount);
  /** The edge by which a network was reached last. */
  const reachedBy = new Int32Array(rightCount).fill(NONE);
  for (let operator = 0; operator < leftCount; operator += 1) {
    if (edgeOfLeft[operator] === NONE) leftReluctance[operator] = 0;
  }
  for (let changed = true; changed;) {
    changed = false;
    for (let edge = 0; edge < edges.length; edge += 1) {
      const operator = from[edge]!;
      if (leftReluctance[operator] === Number.POSITIVE_INFINITY || edgeOfLeft[operator] === edge) continue;
      const subnet = to[edge]!;
      const reluctance = leftReluctance[operator]! + edges[edge]!.reluctance;
      const cost = leftCost[operator]! + edges[edge]!.cost;
      if (!isLess(reluctance, cost, rightReluctance[subnet]!, rightCost[subnet]!)) continue;
      rightReluctance[subnet] = reluctance;
      rightCost[subnet] = cost;
      reachedBy[subnet] = edge;
      changed = true;
      const held = edgeOfRight[subnet]!;
      if (held === NONE) continue;
      // The only way on from a taken network leads back along its edge, which then leaves the matching.
      leftReluctance[from[held]!] = reluctance - edges[held]!.reluctance;
      leftCost[from[held]!] = cost - edges[held]!.cost;
    }
  }
  let end = NONE;
  for (let subnet = 0; subnet < rightCount; subnet += 1) {
    if (edgeOfRight[subnet] !== NONE || reachedBy[subnet] === NONE) continue;
    if (end === NONE || isLess(rightReluctance[subnet]!, rightCost[subnet]!, rightReluctance[end]!, rightCost[end]!)) {
      end = subnet;
    }
  }
  if (end === NONE) return undefined;
  const path: number[] = [];
  for (let subnet = end; subnet !== NONE;) {
    const edge = reachedBy[subnet]!;
    path.push(edge);
    const held = edgeOfLeft[from[edge]!]!;
    subnet = held === NONE ? NONE : to[held]!;
  }
  return path;
}

const isLess = (reluctance: number, cost: number, otherReluctance: number, otherCost: number): boolean =>
  reluctance < otherReluctance || (reluctance === otherReluctance && cost < otherCost);
