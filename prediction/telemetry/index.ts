export { ByteWriter } from './byte-writer.ts';
export { ByteReader } from './byte-reader.ts';
export {
  cutKey,
  readEvents,
  writeEventHead,
  writeKey,
  writeMissing,
  writeNumber,
  writeOutcome,
  writePlace,
  type EventValue,
  type Outcome,
  type ToldOutcome,
  type TelemetryEvent,
} from './events.ts';
export {
  beginFrame,
  endFrame,
  FRAME_HEAD_BYTES,
  FRAME_KINDS,
  readFrames,
  soundLength,
  writeEnd,
  writeLoss,
  writeSchema,
  writeService,
  type Frame,
  type Loss,
} from './frames.ts';
export { followTopic, openKafkaProducer, type KafkaProducer, type TopicReader } from './kafka.ts';
export {
  deploymentKey,
  deploymentKeys,
  sharedTelemetryKeys,
  secretOf,
  serverKey,
  telemetryKeyFile,
  telemetryKeys,
  type TelemetryKey,
  type TelemetryKeys,
} from './keys.ts';
export {
  openSegment,
  readSegmentHeader,
  reopenSegment,
  SEALED_BYTES_MAX,
  sealSegment,
  verifySegment,
  type OpenedSegment,
  type SegmentFacts,
} from './segment.ts';
