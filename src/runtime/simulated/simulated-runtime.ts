// The Runtime contract over a simulated machine. Nothing is asked of the machine that Peapod runs on, so it is the same on
// every system, and a thousand of them fit into one process.
import { Writable } from 'node:stream';
import { normalizeImageName, isImageId } from '../image-name.ts';
import { RuntimeError, type ContainerSpec, type ContainerState, type ExecStreams, type Health, type Runtime, type SandboxSpec } from '../runtime.ts';
import { runCommand, type Surroundings } from './commands.ts';
import { SimulatedContainer } from './container.ts';
import { imageInfo, type SimulatedMachine } from './machine.ts';
import { parseScript, plainScript, scriptAnnotation, ScriptError, type Script } from './script.ts';

export interface SimulatedRuntime extends Runtime {
  health(id: string): Health | undefined;
  /** Its log so far in the CRI format; '' when there is none. */
  log(id: string): string;
  /** Calls back whenever the log may have grown, until disposed. */
  onLog(id: string, listener: () => void): Disposable;
  terminationMessage(id: string): string;
}

/** Marks a container that is to end by itself at once if nothing else is said of it: one that others wait for. */
export const endsAnnotation = 'simulated.peapod.dev';

export const simulatedVersion = '1.0.0';

export function createSimulatedRuntime(machine: SimulatedMachine): SimulatedRuntime {
  const { clock } = machine;

  function running(id: string): SimulatedContainer {
    const container = machine.container(id);
    if (!container) throw notFound('container', id);
    if (container.state.state !== 'running') throw new RuntimeError('failed', `container ${id} is not running`);
    return container;
  }

  function around(container: SimulatedContainer): Surroundings {
    return { container, clock, hostname: machine.placeOf(container.state.sandboxId)?.hostname ?? '' };
  }

  return {
    async version() {
      return { name: 'simulated', version: simulatedVersion };
    },
    async features() {
      return { supplementalGroupsPolicy: true };
    },
    async notReady() {
      return undefined;
    },
    async observe(podUid, signal) {
      signal.throwIfAborted();
      return machine.observe(podUid);
    },
    async observeAll() {
      return new Map([...machine.podUids].map((uid) => [uid, machine.observe(uid)]));
    },
    events: (signal) => machine.events(signal),

    async pullImage(reference, _auth, signal) {
      const name = normalizeImageName(reference);
      const { pull } = scripted(() => machine.scriptOf(reference), 'invalid-image') ?? plainScript;
      if (pull === 'fail') throw new RuntimeError('pull-failed', `rpc error: code = Unknown desc = failed to pull and unpack image ${JSON.stringify(name)}: failed to do request: dial tcp: connect: connection refused`);
      if (pull > 0) await clock.sleep(pull, signal);
      machine.addImage(name);
      return imageInfo(name).id;
    },
    async imageStatus(reference) {
      if (isImageId(reference)) return machine.images.map(imageInfo).find(({ id }) => id === reference);
      const name = normalizeImageName(reference);
      return machine.hasImage(name) ? imageInfo(name) : undefined;
    },
    async listImages() {
      return machine.images.map(imageInfo);
    },
    async removeImage(reference) {
      machine.removeImage(normalizeImageName(reference));
    },

    async imageFilesystem() {
      return '/';
    },

    async startSandbox(spec: SandboxSpec, signal) {
      signal.throwIfAborted();
      if (spec.handler && machine.handlers && !machine.handlers.includes(spec.handler)) throw new RuntimeError('failed', `failed to get sandbox runtime: no runtime for ${JSON.stringify(spec.handler)} is configured`);
      const ip = spec.network === 'pod' ? machine.takeAddress() : undefined;
      if (spec.network === 'pod' && !ip) throw new RuntimeError('failed', 'failed to allocate for range 0: no IP addresses available in range set');
      const id = machine.newId();
      machine.addSandbox({
        id, pod: spec.pod, attempt: spec.attempt, ready: true, createdAtMs: clock.wallMs(), ips: ip ? [ip] : [], network: spec.network, labels: spec.labels, annotations: spec.annotations,
      }, { uid: spec.pod.uid, hostname: spec.hostname, logDirectory: spec.logDirectory });
      return id;
    },
    async stopSandbox(id) {
      machine.stopSandbox(id);
    },
    async removeSandbox(id) {
      machine.removeSandbox(id);
    },

    async createContainer(sandboxId, spec, signal) {
      signal.throwIfAborted();
      const sandbox = machine.sandbox(sandboxId);
      if (!sandbox) throw notFound('sandbox', sandboxId);
      if (!sandbox.ready) throw new RuntimeError('failed', `sandbox ${sandboxId} is not running`);
      if (machine.containersOf(sandboxId).some(({ state }) => state.name === spec.name && state.attempt === spec.attempt)) {
        throw new RuntimeError('already-exists', `failed to reserve container name "${spec.name}_${spec.pod.name}_${spec.pod.namespace}_${spec.pod.uid}_${spec.attempt}": name is reserved`);
      }
      const script = scripted(() => scriptFor(spec, sandbox.annotations), 'failed')!;
      const id = machine.newId();
      const name = normalizeImageName(spec.image);
      const state: ContainerState = {
        id, sandboxId, pod: sandbox.pod, name: spec.name, attempt: spec.attempt, state: 'created', createdAtMs: clock.wallMs(), startedAtMs: 0, finishedAtMs: 0, exitCode: 0, reason: '', message: '',
        image: spec.image, imageRef: imageInfo(name).digests[0]!, logPath: `${machine.placeOf(sandboxId)!.logDirectory}/${spec.logPath}`, labels: spec.labels, annotations: spec.annotations,
      };
      machine.addContainer(new SimulatedContainer(state, spec, script, clock, (event) => machine.tell(event)));
      return id;
    },
    async startContainer(id) {
      const container = machine.container(id);
      if (!container) throw notFound('container', id);
      container.start();
    },
    async stopContainer(id, graceMs, signal) {
      await machine.container(id)?.stop(graceMs, signal);
    },
    async removeContainer(id) {
      machine.removeContainer(id);
    },
    async updateContainerResources(id, resources) {
      running(id).setResources(resources);
    },
    async reopenLog() {},
    async containerStats() {
      return [...machine.containers].filter(({ state }) => state.state === 'running').map(({ state, cpuNanoseconds, memoryBytes }) => ({
        id: state.id, pod: state.pod, name: state.name, wallMs: clock.wallMs(), cpuNanoseconds: Math.max(1, Math.round(cpuNanoseconds)), memoryWorkingSetBytes: Math.round(memoryBytes), filesystemBytes: 0, filesystemInodes: 0,
      }));
    },

    async exec(id, command, streams, signal) {
      return runCommand(command, streams, around(running(id)), signal);
    },
    async execSync(id, command, timeoutMs, signal) {
      const container = running(id);
      const chunks: Buffer[] = [];
      const sink = () => new Writable({ write: (chunk: Buffer, _encoding, done) => (chunks.push(chunk), done()) });
      const over = new AbortController();
      const stop = () => over.abort(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      using _timer = clock.schedule(timeoutMs, () => over.abort(new RuntimeError('timeout', `command ${JSON.stringify(command)} timed out`)));
      try {
        const exitCode = await runCommand(command, { stdout: sink(), stderr: sink() }, around(container), over.signal);
        return { exitCode, output: Buffer.concat(chunks).toString() };
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    async attach(id, streams: ExecStreams, signal) {
      const container = running(id);
      let shown = container.log().length;
      await new Promise<void>((resolve) => {
        const stop = new DisposableStack();
        const leave = () => {
          stop.dispose();
          resolve();
        };
        stop.use(onLog(id, () => {
          const text = container.log();
          for (const line of text.slice(shown).split('\n').filter(Boolean)) streams.stdout?.write(`${line.split(' ').slice(3).join(' ')}\n`);
          shown = text.length;
        }));
        stop.use(container.whenEnded(leave));
        signal.addEventListener('abort', leave, { once: true });
        stop.defer(() => signal.removeEventListener('abort', leave));
      });
    },
    async portForward(sandboxId, port) {
      if (!machine.sandbox(sandboxId)) throw notFound('sandbox', sandboxId);
      throw new RuntimeError('failed', `failed to connect to localhost:${port} inside the sandbox: nothing listens in a simulated container`);
    },
    async close() {},

    health: (id) => {
      const container = machine.container(id);
      return container?.state.state === 'running' ? container.health : undefined;
    },
    log: (id) => machine.container(id)?.log() ?? '',
    onLog,
    terminationMessage: (id) => machine.container(id)?.script.message ?? '',
  };

  function onLog(id: string, listener: () => void): Disposable {
    let timer: Disposable | undefined;
    const arm = () => {
      const delayMs = machine.container(id)?.nextLogMs;
      timer = delayMs === undefined ? undefined : clock.schedule(delayMs, () => (listener(), arm()));
    };
    arm();
    return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
  }

  /** What the Pod says of the container, else what its image says. */
  function scriptFor(spec: ContainerSpec, ofSandbox: Readonly<Record<string, string>>): Script {
    const key = `${scriptAnnotation}${spec.name}`;
    const text = spec.annotations[key] ?? ofSandbox[key];
    const script = text === undefined ? machine.scriptOf(spec.image) : parseScript(text, `metadata.annotations[${key}]`, 'container');
    if (script && spec.attempt < script.times) return script;
    return spec.annotations[endsAnnotation] === 'ends' ? { ...plainScript, runMs: 0 } : plainScript;
  }
}

function scripted<T>(read: () => T, code: 'invalid-image' | 'failed'): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ScriptError) throw new RuntimeError(code, error.message, { cause: error });
    throw error;
  }
}

function notFound(what: string, id: string): RuntimeError {
  return new RuntimeError('not-found', `${what} ${JSON.stringify(id)} not found`);
}
