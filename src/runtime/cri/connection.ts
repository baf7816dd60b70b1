// The runtime's two CRI services, and containerd's events beside them, as named calls over one socket. Every call has a
// deadline and fails with a RuntimeError.
import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { dataFile } from '../../base/package-files.ts';
import { CallsUnderWay } from './calls.ts';
import { runtimeError } from './errors.ts';
import { connectGrpc } from './wire/grpc.ts';
import { schemaOf, type Message, type Schema } from './wire/protobuf.ts';

export interface CriConnection {
  /** A call of runtime.v1.RuntimeService; without `deadlineMs` it may take two minutes, as the kubelet grants. */
  runtime<Answer>(name: string, request: Message, signal: AbortSignal, deadlineMs?: number): Promise<Answer>;
  image<Answer>(name: string, request: Message, signal: AbortSignal, deadlineMs?: number): Promise<Answer>;
  runtimeStream<Answer>(name: string, request: Message, signal: AbortSignal): AsyncIterable<Answer>;
  readonly containerd: ContainerdEvents & ContainerdTasks & ContainerdContainers;
  /** A call of containerd's own service of snapshots, on the same socket. */
  snapshots<Answer>(name: string, request: Message, signal: AbortSignal): Promise<Answer>;
  close(): void;
}

/** containerd's own service of events, on the same socket. Both throw GrpcError. */
export interface ContainerdEvents {
  publish(topic: string, text: string, signal: AbortSignal): Promise<void>;
  subscribe(filter: string, signal: AbortSignal): AsyncIterable<ContainerdEvent>;
}

/** containerd's own service of tasks, for what CRI has no words for. */
export interface ContainerdTasks {
  /** Sends a signal to the container's first process. */
  kill(id: string, signalNumber: number, signal: AbortSignal): Promise<void>;
  /** Resolves when that process has ended. */
  ended(id: string, signal: AbortSignal): Promise<void>;
}

/** containerd's own records, which CRI's lists lag behind. */
export interface ContainerdContainers {
  /** All containers, sandboxes too, each with its OCI specification as JSON. */
  containers(signal: AbortSignal): Promise<readonly { readonly id: string; readonly spec: string }[]>;
  /** Of those that have a process, or had one that is not yet cleared away. */
  taskIds(signal: AbortSignal): Promise<readonly string[]>;
}

export interface ContainerdEvent {
  readonly topic: string;
  readonly atMs: number;
  /** The event's message, for the types that containerd's descriptors hold; what `publish` gave, for its own. */
  readonly body: Message;
}

const usualDeadlineMs = 120_000;
/** CRI's containers live in this namespace of containerd. */
const namespaceHeader = { 'containerd-namespace': 'k8s.io' };
const ownEventType = 'peapod.dev/Text';

/** `calls`: where they are noted while they are under way. */
export function connectCri(endpoint: string, clock: Clock, calls = new CallsUnderWay()): CriConnection {
  const socketPath = socketPathOf(endpoint);
  const grpc = connectGrpc(socketPath, clock);
  const cri = schemaOf(JSON.parse(readFileSync(dataFile('cri-v1.json'), 'utf8')));
  const caller = (service: string) => async <Answer>(name: string, request: Message, signal: AbortSignal, deadlineMs = usualDeadlineMs): Promise<Answer> => {
    try {
      return await grpc.call(cri.method(service, name), request, { deadlineMs }, signal);
    } catch (error) {
      throw runtimeError(name, error);
    }
  };

  const runtime = caller('runtime.v1.RuntimeService');
  let snapshots: Schema | undefined;
  let events: Schema | undefined;
  const eventMethod = (name: string) => (events ??= containerdSchema()).method('containerd.services.events.v1.Events', name);
  let tasks: Schema | undefined;
  const taskMethod = (name: string) => (tasks ??= schemaOf(taskService)).method('containerd.services.tasks.v1.Tasks', name);
  return {
    runtime: (name, request, signal, deadlineMs) => calls.during(name, () => runtime(name, request, signal, deadlineMs)),
    image: caller('runtime.v1.ImageService'),
    runtimeStream: (name, request, signal) => grpc.stream(cri.method('runtime.v1.RuntimeService', name), request, {}, signal),
    containerd: {
      async publish(topic, text, signal) {
        await grpc.call(eventMethod('Publish'), { topic, event: { type_url: ownEventType, value: Buffer.from(text) } }, { deadlineMs: usualDeadlineMs, headers: namespaceHeader }, signal);
      },
      async kill(id, signalNumber, signal) {
        await grpc.call(taskMethod('Kill'), { container_id: id, signal: signalNumber }, { deadlineMs: usualDeadlineMs, headers: namespaceHeader }, signal);
      },
      async ended(id, signal) {
        await grpc.call(taskMethod('Wait'), { container_id: id }, { deadlineMs: longestWaitMs, headers: namespaceHeader }, signal);
      },
      async containers(signal) {
        const method = schemaOf(containerService).method('containerd.services.containers.v1.Containers', 'List');
        const { containers } = await grpc.call(method, {}, { deadlineMs: usualDeadlineMs, headers: namespaceHeader }, signal);
        return (containers as readonly { readonly id: string; readonly spec?: { readonly value: Buffer } }[]).map(({ id, spec }) => ({ id, spec: spec?.value.toString() ?? '' }));
      },
      async taskIds(signal) {
        const answer = await grpc.call(taskMethod('List'), {}, { deadlineMs: usualDeadlineMs, headers: namespaceHeader }, signal);
        return (answer.tasks as readonly { readonly id: string }[]).map(({ id }) => id);
      },
      async *subscribe(filter, signal) {
        for await (const envelope of grpc.stream(eventMethod('Subscribe'), { filters: [filter] }, {}, signal)) {
          yield { topic: envelope.topic, atMs: timeMs(envelope.timestamp), body: bodyOf(events!, envelope.event) };
        }
      },
    },
    async snapshots<Answer>(name: string, request: Message, signal: AbortSignal): Promise<Answer> {
      const method = (snapshots ??= schemaOf(snapshotsDescriptor)).method('containerd.services.snapshots.v1.Snapshots', name);
      try {
        return await grpc.call(method, request, { deadlineMs: usualDeadlineMs, headers: namespaceHeader }, signal);
      } catch (error) {
        throw runtimeError(name, error);
      }
    },
    close: () => grpc.close(),
  };
}

export function socketPathOf(endpoint: string): string {
  return endpoint.replace(/^unix:\/\//, '');
}

/** Milliseconds of a google.protobuf.Timestamp; 0 when absent. */
export function timeMs(time: { seconds: number; nanos: number } | undefined): number {
  return time ? time.seconds * 1000 + Math.floor(time.nanos / 1e6) : 0;
}

function containerdSchema(): Schema {
  const descriptor = JSON.parse(readFileSync(dataFile('containerd-events.json'), 'utf8')) as { nested: object };
  return schemaOf({ nested: { ...descriptor.nested, google: { nested: { protobuf: { nested: wellKnown } } } } });
}

/** As long as gRPC can say in milliseconds; a grace longer than this ends then. */
const longestWaitMs = 99_999_999;

const taskService = {
  nested: {
    containerd: { nested: { services: { nested: { tasks: { nested: { v1: { nested: {
      Tasks: { methods: {
        Kill: { requestType: 'KillRequest', responseType: 'google.protobuf.Empty' },
        Wait: { requestType: 'WaitRequest', responseType: 'WaitResponse' },
        List: { requestType: 'ListTasksRequest', responseType: 'ListTasksResponse' },
      } },
      ListTasksRequest: { fields: {} },
      ListTasksResponse: { fields: { tasks: { rule: 'repeated', type: 'Process', id: 1 } } },
      Process: { fields: { id: { type: 'string', id: 2 } } },
      KillRequest: { fields: { container_id: { type: 'string', id: 1 }, exec_id: { type: 'string', id: 2 }, signal: { type: 'uint32', id: 3 }, all: { type: 'bool', id: 4 } } },
      WaitRequest: { fields: { container_id: { type: 'string', id: 1 }, exec_id: { type: 'string', id: 2 } } },
      WaitResponse: { fields: { exit_status: { type: 'uint32', id: 1 } } },
    } } } } } } } },
    google: { nested: { protobuf: { nested: { Empty: { fields: {} } } } } },
  },
};

/** As much of containerd's api/services/containers as is read of them. */
const containerService = {
  nested: { containerd: { nested: { services: { nested: { containers: { nested: { v1: { nested: {
    Containers: { methods: { List: { requestType: 'ListContainersRequest', responseType: 'ListContainersResponse' } } },
    ListContainersRequest: { fields: {} },
    ListContainersResponse: { fields: { containers: { rule: 'repeated', type: 'Container', id: 1 } } },
    Container: { fields: { id: { type: 'string', id: 1 }, spec: { type: 'Any', id: 5 } } },
    Any: { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
  } } } } } } } } },
};

const wellKnown = {
  Any: { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
  Timestamp: { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } },
  Empty: { fields: {} },
};

/** As much of containerd's api/services/snapshots as volumes of images need. */
const snapshotsDescriptor = {
  nested: {
    google: { nested: { protobuf: { nested: { Empty: wellKnown.Empty } } } },
    containerd: {
      nested: {
        types: { nested: { Mount: { fields: { type: { type: 'string', id: 1 }, source: { type: 'string', id: 2 }, target: { type: 'string', id: 3 }, options: { rule: 'repeated', type: 'string', id: 4 } } } } },
        services: {
          nested: {
            snapshots: {
              nested: {
                v1: {
                  nested: {
                    Snapshots: {
                      methods: {
                        View: { requestType: 'ViewSnapshotRequest', responseType: 'MountsResponse' },
                        Mounts: { requestType: 'MountsRequest', responseType: 'MountsResponse' },
                        Remove: { requestType: 'MountsRequest', responseType: 'google.protobuf.Empty' },
                      },
                    },
                    ViewSnapshotRequest: {
                      fields: { snapshotter: { type: 'string', id: 1 }, key: { type: 'string', id: 2 }, parent: { type: 'string', id: 3 }, labels: { keyType: 'string', type: 'string', id: 4 } },
                    },
                    MountsRequest: { fields: { snapshotter: { type: 'string', id: 1 }, key: { type: 'string', id: 2 } } },
                    MountsResponse: { fields: { mounts: { rule: 'repeated', type: 'containerd.types.Mount', id: 1 } } },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

function bodyOf(schema: Schema, event: { type_url: string; value: Buffer } | undefined): Message {
  if (!event) return {};
  if (event.type_url === ownEventType) return event.value.toString();
  const name = event.type_url.slice(event.type_url.lastIndexOf('/') + 1);
  return name.startsWith('containerd.events.') ? schema.message(name).decode(event.value) : {};
}
