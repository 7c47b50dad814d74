/** Which test files go first: those that take long, so that no worker waits for another one's last file in the end. */
const { default: Sequencer } = require('@jest/test-sequencer');

/** The size of a file tells how long it takes, by and large; these are short and drive whole processes. */
const LONG = /-on-a-node|bitcoin-core|\/(?:kill(?:s|ed)|crashes|simulations)/;

/** @typedef {InstanceType<typeof Sequencer>['sort']} Sort */

module.exports = class LongestFirst extends Sequencer {
  /**
   * @override
   * @param {Parameters<Sort>[0]} tests
   * @returns {Promise<Awaited<ReturnType<Sort>>>}
   */
  async sort(tests) {
    const sorted = await super.sort(tests);
    return [...sorted.filter(({ path }) => LONG.test(path)), ...sorted.filter(({ path }) => !LONG.test(path))];
  }
};
