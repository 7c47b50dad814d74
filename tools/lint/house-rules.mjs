/**
 * The house's own lint rules, loaded by oxlint: what its built-in rules cannot say.
 * Which files each rule holds for is decided in .oxlintrc.json.
 */

/** `new Date()` and `Date()` read the clock of the machine; `new Date(value)` only converts. */
const noAmbientDate = {
  meta: { type: 'problem', docs: { description: 'Time comes in as an argument.' } },
  /** @param {any} context */
  create(context) {
    const check = (/** @type {any} */ node) => {
      const isDate = node.callee.type === 'Identifier' && node.callee.name === 'Date';
      if (isDate && (node.arguments.length === 0 || node.type === 'CallExpression')) {
        context.report({
          node,
          message: 'Take the time from the `clock` argument (see libs/platform), not from Date.',
        });
      }
    };
    return { NewExpression: check, CallExpression: check };
  },
};

/** `throw new Error(…)` has no code, so nobody can tell what happened or what to do next. */
const noBareError = {
  meta: { type: 'problem', docs: { description: 'Errors come from the catalogue.' } },
  /** @param {any} context */
  create(context) {
    return {
      /** @param {any} node */
      ThrowStatement(node) {
        const thrown = node.argument;
        const isNew = thrown?.type === 'NewExpression' || thrown?.type === 'CallExpression';
        if (isNew && thrown.callee.type === 'Identifier' && thrown.callee.name === 'Error') {
          context.report({
            node,
            message: 'Throw an error of the catalogue: a code and a sentence that says what to do.',
          });
        }
      },
    };
  },
};

export default {
  meta: { name: 'house' },
  rules: { 'no-ambient-date': noAmbientDate, 'no-bare-error': noBareError },
};
