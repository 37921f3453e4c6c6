export { addressOf, formatAddress, principalFor, reachable, type HostPort } from './addresses.ts';
export { AuthenticatedHttp, type AuthenticatedRequest, type Identity } from './authenticated-http.ts';
export {
  loadClusterSettings,
  type ClusterSettings,
  type NameNodeAddress,
  type Nameservice,
  type ResourceManagerAddress,
} from './cluster-settings.ts';
export { loadConfiguration, type HadoopConfiguration } from './configuration.ts';
export { clusterSecurity, connectHadoop, type HadoopConnection } from './connection.ts';
export {
  parseToken,
  parseTokenIdentifier,
  tokenToUrlString,
  withService,
  type DelegationToken,
  type TokenIdentifier,
} from './delegation-token.ts';
export {
  discard,
  HttpTransport,
  readText,
  redirectTarget,
  type TransportAnswer,
  type TransportBody,
  type TransportOptions,
  type TransportRequest,
} from './http-transport.ts';
export { choosePrincipal, readKeytabPrincipals } from './keytab.ts';
export { keytabNegotiator, type KeytabLogin, type Negotiation, type Negotiator } from './negotiator.ts';
export { describeUrl, redact } from './redact.ts';
export { findHdfsToken, parseTokenFile, POOL_SECRET_ALIAS, readContainerTokens, type TokenFile } from './token-file.ts';
export { HDFS_TOKEN_KIND, tokenServiceOf } from './token-service.ts';
export { networkCode } from './transport-errors.ts';
