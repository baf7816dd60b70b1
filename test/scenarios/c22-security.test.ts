// C22: security contexts, each seen in /proc on the node, and by an act that it forbids.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { events } from '../../src/api/kinds/event.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Container, New, Pod, PodSpec } from '../../src/api/types.ts';
import { startRegistry, type Registry } from '../../src/runtime/testing/registry.ts';
import { pod } from '../support/manifests.ts';
import { eventually, mainProcess, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

type Security = NonNullable<Container['securityContext']>;
type PodSecurity = NonNullable<PodSpec['securityContext']>;

const signal = AbortSignal.timeout(280_000);
/** What containers have without a word, as both runtimes have it: CHOWN, DAC_OVERRIDE, FOWNER … */
const usualCapabilities = 0xa80425fbn;
const bit = { CHOWN: 0n, NET_BIND_SERVICE: 10n, NET_ADMIN: 12n, SYS_ADMIN: 21n, SYS_TIME: 25n };

/** Docker Engine gives all that the kernel knows, which fails on a machine that is itself without some; containerd gives what the machine has. */
const ownCapabilities = BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`);
const knownCapabilities = (2n << BigInt(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8').trim())) - 1n;
const cannotHaveAll = onDocker && ownCapabilities !== knownCapabilities ? 'this machine lacks capabilities that Docker Engine gives' : false;

describe('C22 security contexts', () => {
  let house: RealCluster;
  let registry: Registry;
  before(async () => {
    [house, registry] = await Promise.all([startRealCluster({ allowedUnsafeSysctls: ['kernel.msg*'] }), startRegistry()]);
    registry.push('user-name', '1', { config: { User: 'pea' } });
    registry.push('user-number', '1', { config: { User: '1234' } });
    registry.push('user-root', '1', { config: { User: 'root' } });
    registry.push('set-uid', '1', { files: [{ type: 'file', path: 'waiter', mode: 0o4755, content: readFileSync('/usr/bin/catatonit') }] });
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
  });

  const create = (name: string, own: Security = {}, whole: PodSecurity = {}, container: Partial<Container> = {}, spec: Partial<PodSpec> = {}) =>
    house.cluster.client.create(pods, pod(name, [{ name: 'c', securityContext: own, ...container }], { terminationGracePeriodSeconds: 1, securityContext: whole, ...spec }) as unknown as New<Pod>, signal);
  /** Fields of /proc/PID/status of its main process, as the node sees it. */
  const status = async (name: string): Promise<Record<string, string>> => {
    const text = readFileSync(`/proc/${mainProcess(house.dataDir, await house.untilReady(name), 'c')}/status`, 'utf8');
    return Object.fromEntries(text.split('\n').map((line) => [line.split(':')[0], line.slice(line.indexOf(':') + 1).trim().replaceAll('\t', ' ')]));
  };
  const inside = (name: string, script: string) => house.tryKubectl(['exec', name, '--', 'sh', '-c', script]);
  const fails = async (name: string, script: string, how: RegExp) => {
    const { code, stderr, stdout } = await inside(name, script);
    assert.notEqual(code, 0, `${script}: ${stdout}`);
    assert.match(stderr, how);
  };
  const works = async (name: string, script: string): Promise<string> => {
    const { code, stderr, stdout } = await inside(name, script);
    assert.equal(code, 0, `${script}: ${stderr}`);
    return stdout;
  };
  const image = (name: string) => ({ image: `${registry.host}/${name}:1`, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'] });
  const told = (name: string, reason: string, message: RegExp) => eventually(`${reason} ${message} of ${name}`, async () =>
    (await house.cluster.client.list(events, { namespace: 'default', fieldSelector: `involvedObject.name=${name}` }, signal)).items.some((event) => event.reason === reason && message.test(event.message ?? '')));
  const refused = async (name: string, reason: string, message: string) => {
    const failed = (await house.untilPod(name, (of) => of?.status.phase === 'Failed'))!;
    assert.deepEqual([failed.status.reason, failed.status.message], [reason, `Pod was rejected: ${message}`]);
    assert.equal(failed.status.containerStatuses?.some((container) => container.containerID) ?? false, false, 'nothing of it ran');
  };

  test('C22 users and groups', async () => {
    await Promise.all([
      create('user-pod', {}, { runAsUser: 1001, runAsGroup: 2001, supplementalGroups: [3001, 3002], fsGroup: 4001 }),
      create('user-own', { runAsUser: 1002, runAsGroup: 2002 }, { runAsUser: 1001, runAsGroup: 2001 }),
      create('group-only', {}, { runAsGroup: 2003 }),
      create('image-user', {}, { supplementalGroups: [3003] }, image('user-name')),
    ]);
    const whole = await status('user-pod');
    assert.deepEqual([whole['Uid'], whole['Gid']], ['1001 1001 1001 1001', '2001 2001 2001 2001']);
    assert.deepEqual(whole['Groups']!.split(' ').filter((group) => group !== '2001').sort(), ['3001', '3002', '4001']);
    await fails('user-pod', 'touch /etc/x', /Permission denied/);
    const own = await status('user-own');
    assert.deepEqual([own['Uid'], own['Gid']], ['1002 1002 1002 1002', '2002 2002 2002 2002']);
    const group = await status('group-only');
    assert.deepEqual([group['Uid'], group['Gid']], ['0 0 0 0', '2003 2003 2003 2003']);
    const fromImage = await status('image-user');
    assert.deepEqual([fromImage['Uid'], fromImage['Gid']], ['1234 1234 1234 1234', '1235 1235 1235 1235']);
    assert.ok(fromImage['Groups']!.split(' ').includes('3003'));
  });

  test('C22 runAsNonRoot refuses root, and names that nobody can tell from it', async () => {
    await Promise.all([
      create('root-image', {}, { runAsNonRoot: true }),
      create('root-name', { runAsNonRoot: true }, {}, image('user-root')),
      create('some-name', {}, { runAsNonRoot: true }, image('user-name')),
      create('some-number', {}, { runAsNonRoot: true }, image('user-number')),
      create('root-asked', { runAsUser: 0 }, { runAsNonRoot: true }),
      create('user-asked', { runAsUser: 5 }, { runAsNonRoot: true }),
      create('own-wins', { runAsNonRoot: false }, { runAsNonRoot: true }),
    ]);
    const waits = async (name: string, words: (where: string) => string) => {
      const of = (await house.untilPod(name, (one) => one?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError'))!;
      const message = words(`(pod: "${name}_default(${of.metadata.uid})", container: c)`);
      assert.equal(of.status.containerStatuses![0]!.state!.waiting!.message, message);
      await told(name, 'Failed', new RegExp(`^Error: ${message.replace(/[^\w ]/g, '\\$&')}$`));
    };
    await waits('root-image', (where) => `container has runAsNonRoot and image will run as root ${where}`);
    // A name is a name, even root's: only a number can be judged.
    await waits('root-name', (where) => `container has runAsNonRoot and image has non-numeric user (root), cannot verify user is non-root ${where}`);
    await waits('some-name', (where) => `container has runAsNonRoot and image has non-numeric user (pea), cannot verify user is non-root ${where}`);
    await waits('root-asked', (where) => `container's runAsUser breaks non-root policy ${where}`);
    assert.match((await status('some-number'))['Uid']!, /^1234 /);
    assert.match((await status('user-asked'))['Uid']!, /^5 /);
    assert.match((await status('own-wins'))['Uid']!, /^0 /);
  });

  test('C22 capabilities, added, dropped, all and none', async () => {
    await Promise.all([
      create('caps-usual'),
      create('caps-added', { capabilities: { add: ['NET_ADMIN'], drop: ['CHOWN'] } }),
      create('caps-none', { capabilities: { drop: ['ALL'] } }),
      create('caps-one', { capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] } }),
      ...(cannotHaveAll ? [] : [create('caps-all', { capabilities: { add: ['ALL'], drop: ['SYS_TIME'] } })]),
    ]);
    const of = async (name: string) => {
      const { CapEff, CapBnd } = await status(name);
      assert.equal(CapEff, CapBnd);
      return BigInt(`0x${CapEff}`);
    };
    assert.equal(await of('caps-usual'), usualCapabilities);
    assert.equal(await of('caps-added'), (usualCapabilities | (1n << bit.NET_ADMIN)) & ~(1n << bit.CHOWN));
    assert.equal(await of('caps-none'), 0n);
    assert.equal(await of('caps-one'), 1n << bit.NET_BIND_SERVICE);
    if (!cannotHaveAll) {
      const all = await of('caps-all');
      assert.ok((all & (1n << bit.SYS_ADMIN)) !== 0n && (all & (1n << bit.SYS_TIME)) === 0n, all.toString(16));
    }
    const chown = 'touch /tmp/f && chown 1 /tmp/f';
    await works('caps-usual', chown);
    await fails('caps-added', chown, /Operation not permitted/);
    await fails('caps-none', chown, /Operation not permitted/);
    const link = 'ip link set lo mtu 1500';
    await works('caps-added', link);
    await fails('caps-usual', link, /Operation not permitted|denied/);
  });

  test('C22 privileged, and not', { skip: cannotHaveAll }, async () => {
    await Promise.all([create('privileged', { privileged: true }), create('ordinary')]);
    const [yes, no] = [await status('privileged'), await status('ordinary')];
    assert.equal(BigInt(`0x${yes['CapEff']}`), ownCapabilities, 'all that the machine has');
    assert.equal(yes['Seccomp'], '0');
    const mount = 'mkdir -p /tmp/m && mount -t tmpfs none /tmp/m';
    await works('privileged', mount);
    await fails('ordinary', mount, /ermission denied|not permitted/);
    assert.match(await works('privileged', 'ls /dev'), /^kmsg$/m);
    assert.doesNotMatch(await works('ordinary', 'ls /dev'), /^kmsg$/m);
    assert.ok(Number(no['NoNewPrivs']) === 0);
    // procMount Default hides and protects parts of /proc; privileged has them open.
    const mounts = async (name: string) => readFileSync(`/proc/${mainProcess(house.dataDir, await house.pod(name), 'c')}/mountinfo`, 'utf8').split('\n').map((line) => line.split(' ')).map(([, , , , path, options]) => `${path} ${options?.split(',')[0]}`);
    const ordinary = await mounts('ordinary');
    const masked = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/interrupts', '/proc/acpi', '/sys/firmware'].filter((path) => existsSync(path));
    assert.ok(masked.length > 1);
    for (const path of masked) assert.ok(ordinary.some((line) => line.startsWith(`${path} `)), path);
    for (const path of ['/proc/sys', '/proc/irq', '/proc/sysrq-trigger'].filter((one) => existsSync(one))) assert.ok(ordinary.includes(`${path} ro`), path);
    assert.ok(!(await mounts('privileged')).some((line) => line.startsWith('/proc/')));
    await fails('ordinary', 'echo 1 > /proc/sys/net/ipv4/ip_forward', /Read-only file system/);
    assert.equal(await works('ordinary', 'cat /proc/keys | wc -c'), '0\n');
  });

  test('C22 a read-only root leaves volumes writable', async () => {
    await create('read-only', { readOnlyRootFilesystem: true }, {}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }, { volumes: [{ name: 'v', emptyDir: {} }] });
    await house.untilReady('read-only');
    await fails('read-only', 'touch /x', /Read-only file system/);
    await fails('read-only', 'echo x >> /etc/hosts', /Read-only file system/);
    await works('read-only', 'touch /v/x /dev/shm/x');
  });

  test('C22 without allowPrivilegeEscalation a set-uid program raises nobody', async () => {
    const waiter = { image: `${registry.host}/set-uid:1`, command: ['/waiter', '-P'] };
    await Promise.all([
      create('may-rise', {}, { runAsUser: 1234 }, waiter),
      create('may-not-rise', { allowPrivilegeEscalation: false }, { runAsUser: 1234 }, waiter),
    ]);
    const [rises, stays] = [await status('may-rise'), await status('may-not-rise')];
    assert.deepEqual([rises['NoNewPrivs'], rises['Uid']], ['0', '1234 0 0 0']);
    assert.deepEqual([stays['NoNewPrivs'], stays['Uid']], ['1', '1234 1234 1234 1234']);
  });

  test('C22 seccomp: the runtime’s profile, one of the node’s own, and none', async () => {
    const folder = join(house.dataDir, 'node', 'seccomp', 'profiles');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'no-mkdir.json'), JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] }));
    await Promise.all([
      create('seccomp-none'),
      create('seccomp-default', {}, { seccompProfile: { type: 'RuntimeDefault' } }),
      create('seccomp-own', { seccompProfile: { type: 'Localhost', localhostProfile: 'profiles/no-mkdir.json' } }, { seccompProfile: { type: 'RuntimeDefault' } }),
      create('seccomp-off', { seccompProfile: { type: 'Unconfined' } }, { seccompProfile: { type: 'RuntimeDefault' } }),
      create('seccomp-absent', { seccompProfile: { type: 'Localhost', localhostProfile: 'absent.json' } }),
    ]);
    for (const [name, mode] of [['seccomp-none', '0'], ['seccomp-off', '0'], ['seccomp-default', '2'], ['seccomp-own', '2']] as const) assert.equal((await status(name))['Seccomp'], mode, name);
    const unshare = 'unshare -U true';
    await works('seccomp-none', unshare);
    await works('seccomp-off', unshare);
    await fails('seccomp-default', unshare, /not permitted/);
    await works('seccomp-own', unshare);
    await fails('seccomp-own', 'mkdir /tmp/d', /not permitted/);
    await works('seccomp-default', 'mkdir /tmp/d');
    const absent = (await house.untilPod('seccomp-absent', (of) => of?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerError'))!;
    assert.match(absent.status.containerStatuses![0]!.state!.waiting!.message!, /absent\.json.*no such file/);
  });

  test('C22 sysctls: safe ones and allowed ones are set, others refused', async () => {
    const sysctls = (...pairs: [string, string][]) => ({ sysctls: pairs.map(([name, value]) => ({ name, value })) });
    await Promise.all([
      create('sysctls', {}, sysctls(['net.ipv4.ip_unprivileged_port_start', '81'], ['kernel.shm_rmid_forced', '1'], ['kernel.msgmax', '9216'])),
      create('sysctls-none'),
      create('sysctls-unsafe', {}, sysctls(['net.core.somaxconn', '64'])),
    ]);
    await house.untilReady('sysctls');
    await house.untilReady('sysctls-none');
    const read = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced /proc/sys/kernel/msgmax';
    assert.equal(await works('sysctls', read), '81\n1\n9216\n');
    assert.notEqual(await works('sysctls-none', read), '81\n1\n9216\n');
    assert.notEqual(readFileSync('/proc/sys/kernel/msgmax', 'utf8'), '9216\n', 'the node’s own is as it was');
    await refused('sysctls-unsafe', 'SysctlForbidden', 'forbidden sysctl: "net.core.somaxconn" not allowlisted');
    await told('sysctls-unsafe', 'SysctlForbidden', /^forbidden sysctl: "net.core.somaxconn" not allowlisted$/);
  });

  test('C22 what this node cannot give is refused, not left out', async () => {
    const hasAppArmor = (() => {
      try {
        return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y');
      } catch {
        return false;
      }
    })();
    await Promise.all([
      create('armoured', {}, { appArmorProfile: { type: 'RuntimeDefault' } }),
      create('strict', {}, { supplementalGroupsPolicy: 'Strict' }),
      create('own-users', {}, {}, {}, { hostUsers: false }),
      house.cluster.client.create(pods, pod('windows', [{ name: 'c' }], { os: { name: 'windows' } }) as unknown as New<Pod>, signal),
    ]);
    if (!hasAppArmor) await refused('armoured', 'AppArmor', 'Cannot enforce AppArmor: AppArmor is not enabled on the host');
    const { supplementalGroupsPolicy } = await features();
    if (!supplementalGroupsPolicy) await refused('strict', 'SupplementalGroupsPolicyNotSupported', 'SupplementalGroupsPolicy=Strict is not supported in this node');
    await told('own-users', 'FailedCreatePodSandBox', /^Failed to create pod sandbox: .*does not support user namespaces$/);
    assert.equal((await house.pod('own-users')).status.phase, 'Pending');
    await refused('windows', 'PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS");
    const unmasked = await house.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(pod('unmasked', [{ securityContext: { procMount: 'Unmasked' } }])) });
    assert.match(unmasked.stderr, /`hostUsers` must be false to use `Unmasked`/);
  });

  async function features(): Promise<{ supplementalGroupsPolicy: boolean }> {
    const { createCriRuntime } = await import('../../src/runtime/cri/cri-runtime.ts');
    const { systemClock: clock } = await import('../../src/base/clock.ts');
    const { silentLog: log } = await import('../../src/base/log.ts');
    if (onDocker) return { supplementalGroupsPolicy: false };
    const runtime = await createCriRuntime({ endpoint: `unix://${join(house.dataDir, 'containerd', 'containerd.sock')}`, clock, log, events: 'auto' });
    try {
      return await runtime.features(signal);
    } finally {
      await runtime.close();
    }
  }
});
