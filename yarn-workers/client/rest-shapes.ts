import { nullable, parse, Type, type ContainerSize, type Static, type TSchema } from '#contracts';

/**
 * The parts that we use of what the ResourceManager answers; whatever else it says is passed over.
 * @see https://hadoop.apache.org/docs/r3.4.2/hadoop-yarn/hadoop-yarn-site/ResourceManagerRest.html
 */
export const ResourceShape = Type.Object({ memory: Type.Number(), vCores: Type.Number() });

export const NewApplicationShape = Type.Object({
  'application-id': Type.String(),
  'maximum-resource-capability': ResourceShape,
});

const ApplicationShape = Type.Object({
  id: Type.String(),
  user: Type.String(),
  name: Type.String(),
  queue: Type.String(),
  state: Type.String(),
  finalStatus: Type.String(),
  progress: Type.Number(),
  diagnostics: Type.Optional(nullable(Type.String())),
  applicationTags: Type.Optional(Type.String()),
  trackingUrl: Type.Optional(nullable(Type.String())),
  amContainerLogs: Type.Optional(nullable(Type.String())),
  startedTime: Type.Number(),
  finishedTime: Type.Number(),
  allocatedMB: Type.Optional(Type.Number()),
  allocatedVCores: Type.Optional(Type.Number()),
  runningContainers: Type.Optional(Type.Number()),
});
export type ApplicationShape = Static<typeof ApplicationShape>;

export const ApplicationAnswer = Type.Object({ app: ApplicationShape });
export const ApplicationsAnswer = Type.Object({
  apps: nullable(Type.Object({ app: Type.Optional(Type.Array(ApplicationShape)) })),
});

export const StateAnswer = Type.Object({ state: Type.String() });

export const AttemptsAnswer = Type.Object({
  appAttempts: nullable(
    Type.Object({
      appAttempt: Type.Optional(
        Type.Array(
          Type.Object({
            id: Type.Number(),
            startTime: Type.Number(),
            finishedTime: Type.Optional(Type.Number()),
            containerId: Type.Optional(Type.String()),
            nodeHttpAddress: Type.Optional(nullable(Type.String())),
            nodeId: Type.Optional(nullable(Type.String())),
            logsLink: Type.Optional(nullable(Type.String())),
            appAttemptId: Type.Optional(Type.String()),
            appAttemptState: Type.Optional(Type.String()),
          }),
        ),
      ),
    }),
  ),
});

/** Up to 3.4 a number here is a text. */
const Numeric = Type.Union([Type.Number(), Type.String({ pattern: '^-?\\d+$' })]);

const ContainerShape = Type.Object({
  containerId: Type.String(),
  assignedNodeId: Type.Optional(Type.String()),
  nodeId: Type.Optional(Type.String()),
  nodeHttpAddress: Type.Optional(nullable(Type.String())),
  logUrl: Type.Optional(nullable(Type.String())),
  containerState: Type.Optional(Type.String()),
  containerExitStatus: Type.Optional(Numeric),
  diagnosticsInfo: Type.Optional(nullable(Type.String())),
  allocatedMB: Numeric,
  allocatedVCores: Numeric,
});
export type ContainerShape = Static<typeof ContainerShape>;

/** Hadoop writes a list of one as the thing itself. */
export const ContainersAnswer = Type.Object({
  container: Type.Optional(Type.Union([Type.Array(ContainerShape), ContainerShape])),
});

export const NodesAnswer = Type.Object({
  nodes: nullable(
    Type.Object({
      node: Type.Optional(
        Type.Array(
          Type.Object({
            id: Type.String(),
            state: Type.String(),
            nodeHostName: Type.String(),
            nodeHTTPAddress: Type.Optional(Type.String()),
            rack: Type.String(),
            version: Type.Optional(Type.String()),
            healthReport: Type.Optional(nullable(Type.String())),
            numContainers: Type.Number(),
            usedMemoryMB: Type.Number(),
            availMemoryMB: Type.Number(),
            usedVirtualCores: Type.Number(),
            availableVirtualCores: Type.Number(),
            nodeLabels: Type.Optional(nullable(Type.Array(Type.String()))),
          }),
        ),
      ),
    }),
  ),
});

export const MetricsAnswer = Type.Object({
  clusterMetrics: Type.Object({
    availableMB: Type.Number(),
    totalMB: Type.Number(),
    availableVirtualCores: Type.Number(),
    totalVirtualCores: Type.Number(),
  }),
});

export const InfoAnswer = Type.Object({
  clusterInfo: Type.Object({
    state: Type.String(),
    haState: Type.Optional(Type.String()),
    resourceManagerVersion: Type.String(),
    hadoopVersion: Type.String(),
    startedOn: Type.Number(),
  }),
});
export type ClusterInfo = Static<typeof InfoAnswer>['clusterInfo'];

export const DelegationTokenAnswer = Type.Object({
  token: Type.String(),
  renewer: Type.String(),
  owner: Type.String(),
  kind: Type.String(),
  'expiration-time': Type.Number(),
  'max-validity': Type.Number(),
});
export const RenewalAnswer = Type.Object({ 'expiration-time': Type.Number() });

/** @throws YARN_ANSWER_UNREADABLE naming the field */
export function read<T extends TSchema>(schema: T, json: unknown, subject: string): Static<T> {
  return parse(schema, json, subject, 'YARN_ANSWER_UNREADABLE');
}

/** Sizes as the contracts have them. */
export function sizeOf(resource: Static<typeof ResourceShape>): ContainerSize {
  return { memoryMb: resource.memory, vcores: resource.vCores };
}
