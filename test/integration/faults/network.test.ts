import { networkSuite } from '../../fault/suites/network.ts';

networkSuite(['resets of 30 % of all messages', 'answers to start, seal and commit lost']);
