import { createFakeRail } from '../testing/test-fake-rail.ts';
import { describeRail } from './rail.contract.ts';

describeRail('the chain in memory', () => Promise.resolve(createFakeRail()));
