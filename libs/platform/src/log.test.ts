import { describe, expect, test } from '@jest/globals';
import { createCapturedLogger, createLogger, createSilentLogger } from './log.ts';

describe('secrets', () => {
  test('are taken out at any depth, in children and in errors', () => {
    const { logger, text, records } = createCapturedLogger();
    const secret = 'hunter2';
    const error = Object.assign(new Error('refused'), {
      headers: { Authorization: secret },
      cause: Object.assign(new Error('why'), { token: secret }),
    });
    logger.info(
      {
        authorization: secret,
        headers: { 'Set-Cookie': secret, 'x-holdfast-signature': secret },
        list: [{ passphrase: secret }],
      },
      'one',
    );
    logger.child({ grant: secret, kept: 1 }).warn({ walletSeed: secret, mnemonic: secret, db_password: secret }, 'two');
    logger.error(error);
    logger.error({ problem: error, map: new Map([['k', { secretKey: secret }]]) }, 'three');
    logger.info(`connected to postgres://user:${secret}@127.0.0.1/db`);
    logger.info({ url: new URL(`redis://:${secret}@host`) }, 'four');
    expect(text()).not.toContain(secret);
    expect(records()[0]).toMatchObject({
      level: 'info',
      service: 'test',
      msg: 'one',
      authorization: '[redacted]',
      list: [{ passphrase: '[redacted]' }],
    });
    expect(records()[1]).toMatchObject({ level: 'warn', kept: 1, grant: '[redacted]' });
    expect(records()[2]).toMatchObject({
      msg: 'refused',
      err: { type: 'Error', message: expect.stringContaining('refused') },
    });
    expect(text()).toContain('postgres://user:[redacted]@127.0.0.1/db');
  });

  test('absence is shown as absence, and other fields stay', () => {
    const { logger, records } = createCapturedLogger();
    logger.info(
      { password: null, seeds: 3, wordsCount: 24, nodeId: 'ab', bytes: 12n, data: new Uint8Array(5), at: new Date(0) },
      'x',
    );
    expect(records()[0]).toMatchObject({
      password: null,
      seeds: 3,
      wordsCount: 24,
      nodeId: 'ab',
      bytes: '12',
      data: '[5 bytes]',
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  test('cycles and depth do no harm, and the caller’s object is not changed', () => {
    const { logger, text } = createCapturedLogger();
    const cyclic: Record<string, unknown> = { token: 'hunter2' };
    cyclic['self'] = cyclic;
    let deep: Record<string, unknown> = { token: 'hunter2' };
    for (let i = 0; i < 50; i++) deep = { deep };
    logger.info({ cyclic, deep }, 'x');
    expect(text()).toContain('[circular]');
    expect(text()).not.toContain('hunter2');
    expect(cyclic['token']).toBe('hunter2');
  });
});

test('serialisers get the objects that they are for, and what they return is redacted too', () => {
  class Request {
    get method(): string {
      return 'PUT';
    }
  }
  const { logger, records, text } = createCapturedLogger();
  const child = logger.child(
    {},
    { serializers: { req: (request: Request) => ({ method: request.method, cookie: 'hunter2' }) } },
  );
  child.info({ req: new Request() }, 'x');
  expect(records()[0]).toMatchObject({ req: { method: 'PUT', cookie: '[redacted]' } });
  expect(text()).toMatch(/\}\n$/);
});

test('levels hold back what is below', () => {
  const { logger, records } = createCapturedLogger('warn');
  logger.info('no');
  logger.warn('yes');
  expect(records().map((record) => record['msg'])).toEqual(['yes']);
  expect(createSilentLogger().isLevelEnabled('fatal')).toBe(false);
});

describe('for a person', () => {
  const lines: string[] = [];
  const logTo = (isTTY: boolean) =>
    createLogger({ service: 'node', destination: { isTTY, write: (line) => lines.push(line) } });

  test('a terminal gets one line with message and fields', () => {
    logTo(true).info({ shard: 'ab', count: 3, text: 'two words' }, 'stored');
    const plain = lines.at(-1)!.replaceAll(/\u001b\[\d+m/g, '');
    expect(plain).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}node: stored shard=ab count=3 text="two words"\n$/);
  });

  test('a pipe gets JSON', () => {
    logTo(false).info('stored');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ service: 'node', msg: 'stored' });
  });

  test('a message cannot steer the terminal, and an error shows its stack', () => {
    logTo(true).error(new Error('evil \u001b[2J name'));
    expect(lines.at(-1)).not.toContain('\u001b[2J');
    expect(lines.at(-1)).toContain('log.test.ts');
  });
});
