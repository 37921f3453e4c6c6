import { delaySuite, NETWORK_FAULTS, networkSuite } from './suites/network.ts';

networkSuite(NETWORK_FAULTS);
delaySuite();
