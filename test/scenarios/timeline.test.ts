// The timeline of a Pod on real containers: every step in its order, as the processes themselves saw it, and still there when the
// Pod is gone; for kubectl, for the command, and for those who may see it.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { podTimelines, type PodTimeline } from '../../src/api/kinds/pod-timeline.ts';
import { pod, stubborn, waits } from '../support/manifests.ts';
import { onDocker, runProgram, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const never = new AbortController().signal;

describe('timeline', () => {
  let house: RealCluster;
  let notes: string;
  const timeline = (name: string): Promise<PodTimeline> => house.cluster.client.get(podTimelines, { namespace: 'default', name }, never);
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const command = (...args: string[]) => runProgram('sh', [join(root, 'scripts', 'with-node24'), join(root, 'src', 'cli', 'main.ts'), 'timeline', '--data-dir', house.dataDir, ...args], { COLUMNS: '100', LANG: 'C.UTF-8', LC_ALL: '' });

  before(async () => {
    notes = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-notes-'));
    house = await startRealCluster();
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    rmSync(notes, { recursive: true, force: true });
  });

  test('every step in its order, at the times that the processes themselves saw, and still there when the Pod is gone', async () => {
    // `date` of busybox knows no fractions; the kernel's clock does.
    const now = 'cut -d" " -f1 /proc/uptime';
    const life = pod('life', [
      {
        name: 'app', volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
        command: ['sh', '-c', `now() { ${now}; }; now > /notes/started; trap 'now > /notes/term' TERM; while true; do sleep 0.05; done`],
        lifecycle: { postStart: { exec: { command: ['sh', '-c', 'sleep 0.2'] } }, preStop: { exec: { command: ['sh', '-c', `${now} > /notes/hook; sleep 1`] } } },
        readinessProbe: { exec: { command: ['true'] }, periodSeconds: 3600, timeoutSeconds: 10 }, // one at its end might fail
      },
      { name: 'helper', command: waits },
    ], {
      terminationGracePeriodSeconds: 5, volumes: [{ name: 'notes', hostPath: { path: notes } }],
      initContainers: [{ name: 'prepare', image: 'localhost/busybox', command: ['sh', '-c', 'exit 0'] }, { name: 'proxy', image: 'localhost/busybox', restartPolicy: 'Always', command: waits }],
    });
    await create(life);
    await house.untilReady('life');
    await house.kubectl('delete', 'pod', 'life');
    const { steps, containers, nodeName } = await timeline('life');
    assert.deepEqual(containers.map(({ name, role }) => `${name} ${role}`), ['prepare init', 'proxy sidecar', 'app app', 'helper app']);
    assert.equal(nodeName, house.cluster.nodeName);
    const of = (container?: string) => steps.filter((step) => step.container === container).map(({ type }) => type);
    assert.deepEqual(of(), ['Created', 'Bound', 'Accepted', 'SandboxStarting', 'SandboxStarted', 'Ready', 'EndAsked', 'EndBegan', 'Unready', 'Cleared', 'Gone']);
    assert.deepEqual(of('prepare'), ['ContainerCreated', 'Started', 'Exited']);
    assert.deepEqual(of('proxy'), ['ContainerCreated', 'Started', 'ContainerReady', 'Signalled', 'Exited']);
    assert.deepEqual(of('app'), ['ContainerCreated', 'Started', 'HookBegan', 'HookEnded', 'ContainerReady', 'HookBegan', 'HookEnded', 'Signalled', 'Killed', 'Exited']);
    assert.deepEqual(of('helper'), ['ContainerCreated', 'Started', 'ContainerReady', 'Signalled', 'Exited']);
    // Across lanes.
    const at = (type: string, container?: string, which = 0) => Date.parse(steps.filter((step) => step.type === type && step.container === container)[which]!.time);
    const order: (readonly [string, number])[] = [
      ['prepare ended', at('Exited', 'prepare')], ['proxy started', at('Started', 'proxy')], ['app started', at('Started', 'app')], ['app ready', at('ContainerReady', 'app')], ['Ready', at('Ready')],
      ['told to end', at('EndAsked')], ['helper ended', at('Exited', 'helper')], ['hook done', at('HookEnded', 'app', 1)], ['signalled', at('Signalled', 'app')], ['killed', at('Killed', 'app')],
      ['app ended', at('Exited', 'app')], ['sidecar signalled', at('Signalled', 'proxy')], ['sidecar ended', at('Exited', 'proxy')], ['gone', at('Gone')],
    ];
    assert.deepEqual(order, order.toSorted((a, b) => a[1] - b[1]));
    assert.deepEqual(steps.filter(({ type }) => type === 'Exited').map(({ container, exitCode }) => `${container} ${exitCode}`), ['prepare 0', 'helper 0', 'app 137', 'proxy 0']);
    // What the processes saw, in hundredths of a second.
    const boot = Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    const saw = (file: string) => boot + Number(readFileSync(join(notes, file), 'utf8')) * 1000;
    // The runtime takes its time once the process is there.
    assert.ok(saw('started') >= at('ContainerCreated', 'app') - 100 && saw('started') <= at('HookBegan', 'app', 1), 'it has noted its start when it was started');
    assert.ok(saw('hook') >= at('HookBegan', 'app', 1) - 100 && saw('hook') <= at('HookEnded', 'app', 1));
    assert.ok(saw('term') >= at('Signalled', 'app') - 100 && saw('term') <= at('Killed', 'app') + 100);
  });

  test('a crash, a failing probe and an image that is not there are steps', async () => {
    await create(
      pod('crash', [{ command: ['sh', '-c', 'exit 3'] }], { terminationGracePeriodSeconds: 1 }),
      pod('away', [{ image: '127.0.0.1:1/none:1' }], { terminationGracePeriodSeconds: 1 }),
      pod('ill', [{ command: stubborn, livenessProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 1 } }], { terminationGracePeriodSeconds: 1 }),
    );
    await house.untilPod('crash', (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff');
    await house.untilPod('away', (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'ImagePullBackOff');
    await house.untilPod('ill', (now) => (now?.status.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    const has = async (name: string, ...wanted: string[]) => {
      const { steps } = await timeline(name);
      const told = steps.filter(({ container }) => container === 'c0').map(({ type, exitCode, count, restart }) => `${type}${exitCode ?? ''}${restart ? `#${restart}` : ''}${count ? `×${count}` : ''}`);
      for (const [index, one] of wanted.entries()) assert.ok(told.indexOf(one) > (index === 0 ? -1 : told.indexOf(wanted[index - 1]!)), `${name}: ${wanted.join()} in ${told.join()}`);
    };
    await has('crash', 'Started', 'Exited3', 'Started#1', 'BackOff');
    await has('away', 'Pulling', 'PullFailed', 'BackOff');
    await has('ill', 'Started', 'ProbeFailed×2', 'Killing', 'Signalled', 'Killed', 'Exited137', 'Started#1');
  });

  test('kubectl finds it, and lists it', async () => {
    const { stdout } = await house.tryKubectl(['get', 'podtimelines']);
    assert.match(stdout, /^NAME +STATE +START +RESTARTS +END +LAST +AGE\n/);
    assert.match(stdout, /^life +Gone +\S+s +0 +\d\S*s +Gone +\d+s$/m);
    assert.match(stdout, /^away +Starting +- +0 +- /m);
    const whole = JSON.parse(await house.kubectl('get', 'podtimelines.peapod.dev', 'life', '-o', 'json')) as PodTimeline;
    assert.deepEqual([whole.apiVersion, whole.kind, whole.steps[0]!.type], ['peapod.dev/v1alpha1', 'PodTimeline', 'Created']);
    assert.match((await house.tryKubectl(['get', 'podtimelines', 'nobody'])).stderr, /podtimelines.peapod.dev "nobody" not found/);
    const may = async (user: string) => (await house.tryKubectl(['auth', 'can-i', 'get', 'podtimelines.peapod.dev', '--as', user])).stdout.trim();
    await house.kubectl('create', 'rolebinding', 'anna-views', '--clusterrole=view', '--user=anna');
    assert.deepEqual([await may('anna'), await may('bob')], ['yes', 'no']);
    assert.match((await house.tryKubectl(['get', 'podtimelines', '--as', 'bob'])).stderr, /cannot list resource "podtimelines" in API group "peapod.dev"/);
  });

  test('the command draws it, and prints it', { skip: onDocker }, async () => {
    const drawn = await command('life');
    assert.equal(drawn.code, 0, drawn.stderr);
    assert.match(drawn.stdout, /^life in default on \S+ {2}Gone\n/);
    assert.match(drawn.stdout, /^app +░*▒*≈*▒*█*≈+╱+†╱*✗$/m);
    assert.match(drawn.stdout, /^proxy \(sidecar\) +░*▒*█+╱*✓$/m);
    assert.match(drawn.stdout, / app +preStop is done, after \S+\n(.*\n)* +\S+ +app +SIGTERM, \S+ s to go\n(.*\n)* +\S+ +app +SIGKILL: its time is over\n/);
    const json = await command('life', '-o', 'json', '--data-dir', '/nowhere', '--kubeconfig', house.cluster.kubeconfig);
    assert.deepEqual(JSON.parse(json.stdout), await timeline('life'));
    const followed = await command('life', '--follow', '--ascii');
    assert.match(followed.stdout, /^[\n\x20-\x7e]*gone from the API\n$/);
    const nobody = await command('nobody', '-n', 'default');
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /nothing is known of a Pod nobody in the namespace default/);
  });
});
