/** A plugin's name: without one, the framework looks for it among all modules that are loaded, each time. */
export const named = <Plugin extends object>(name: string, plugin: Plugin): Plugin =>
  Object.assign(plugin, { [Symbol.for('fastify.display-name')]: name });
