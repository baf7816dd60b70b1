// The commands and their flags. Each command's file is loaded only when it is called.
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../base/duration.ts';
import { describe } from '../base/log.ts';
import { UserError } from '../cluster/user-error.ts';
import { withNodeFlags } from './node-flags.ts';
import { printError } from './output.ts';
import { version } from '../cluster/version.ts';

const defaultDataDir = resolve(process.env['PEAPOD_DATA_DIR'] ?? '/var/lib/peapod');

/** Sets process.exitCode; never throws. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  try {
    await commandLine().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else if (error instanceof UserError) printError(describe(error), error.remedy);
    else printError(describe(error), process.env['PEAPOD_DEBUG'] ? (error as Error).stack : 'for the whole story, set PEAPOD_DEBUG=1; for what this machine lacks: peapod doctor');
  }
}

function commandLine(): Command {
  const program = new Command('peapod')
    .description('Kubernetes Pods, whole, real and small: a cluster in one process')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError();
  const dataDir = () => new Option('--data-dir <dir>', 'where the cluster keeps everything').default(defaultDataDir).argParser(path);
  const output = () => new Option('-o, --output <format>', 'text or json').choices(['text', 'json'] as const).default('text' as const);

  const up = program
    .command('up')
    .description('start the cluster, or find it again, and stay with it; Ctrl-C leaves its containers running')
    .addOption(dataDir())
    .option('--port <n>', 'port of the API server (default: 6443 where it is free)', port)
    .option('--listen <address>', 'address of the API server; 0.0.0.0: all of this machine, so that others can join (default: 127.0.0.1)')
    .option('--advertise-address <address>', 'by which other machines reach it (default: that of --listen, or the first of this machine)')
    .option('--kubeconfig <file>', "where to write the admin's kubeconfig (default: admin.kubeconfig in the data directory)", path)
    .option('--node-name <name>', "name of this machine's node (default: its host name)")
    .option('--node-ip <address>', "address of this machine's node (default: the advertised one)")
    .option('--node-monitor-grace-period <duration>', 'how long a node may be silent before it is NotReady (default: 40s)', duration)
    .option('--node-startup-grace-period <duration>', 'the same for one that has never reported (default: 60s)', duration)
    .option('--node-lease-duration-seconds <n>', 'for how long each sign of life of the node holds (default: 40)', Number)
    .addOption(new Option('--runtime <name>', 'what runs the containers (default: containerd)').choices(['containerd', 'docker'] as const))
    .option('--runtime-endpoint <socket>', 'a containerd or CRI-O that runs already (default: a private containerd), or Docker (default: /var/run/docker.sock)')
    .option('--pod-range <cidr>', 'range of the Pods of all nodes, each has a /24 of it: IPv4, or with IPv6 behind a comma (default: a free one)')
    .option('--service-range <cidr>', 'range of the Services, likewise')
    .option('--dual-stack', 'IPv6 beside IPv4, for Pods and for Services that ask for it')
    .addOption(new Option('--proxy-mode <name>', 'what leads Services to their endpoints (default: nftables, where it is missing iptables)').choices(['nftables', 'iptables'] as const))
    .option('--ingress-http-port <n>', 'where Ingresses are served, once there is one (default: 80)', Number)
    .option('--ingress-https-port <n>', 'and over TLS (default: 443)', Number)
    .option('--token-auth-file <file>', 'users with bearer tokens, one a line: token,user,uid,"group1,group2"', path)
    .option('--anonymous-auth <bool>', 'false: nobody without a name is let in, to no path (default: to health, version and what a machine that joins must read)', flag)
    .option('--authentication-config <file>', 'who is let in by tokens of other issuers: an AuthenticationConfiguration', path)
    .option('--oidc-issuer-url <url>', 'the issuer of OpenID Connect tokens')
    .option('--oidc-client-id <id>', 'for whom they must be meant')
    .option('--oidc-username-claim <claim>', "which claim is the user's name (default: sub)")
    .option('--oidc-username-prefix <prefix>', 'what stands before it; -: nothing (default: the issuer and a #, before an e-mail address nothing)')
    .option('--oidc-groups-claim <claim>', "which claim is the user's groups")
    .option('--oidc-groups-prefix <prefix>', 'what stands before each')
    .option('--oidc-ca-file <file>', 'certificates by which the issuer is trusted (default: those that the machine trusts)', path)
    .option('--oidc-required-claim <claim=value>', 'what a token must say; may be given several times', (text: string, all: readonly string[] = []) => [...all, text])
    .option('--oidc-signing-algs <list>', 'how it may be signed, with commas between (default: RS256)', (text: string) => text.split(','))
    .option('--encryption-provider-config <file>', 'which resources are encrypted in the store, and how: an EncryptionConfiguration', path)
    .option('--max-requests-inflight <n>', 'requests served at once, which with the next are what priority levels share (default: 400)', Number)
    .option('--max-mutating-requests-inflight <n>', 'the same of writes (default: 200)', Number)
    .option('--request-timeout <duration>', 'how long a request may take, but for watches, logs and streams (default: 1m)', duration)
    .option('--min-request-timeout <seconds>', 'how long a watch goes on at least that does not say so (default: 1800)', Number)
    .option('--audit-policy-file <file>', 'what the audit log tells of which requests: a Policy of audit.k8s.io/v1', path)
    .option('--audit-log-path <file>', 'where it is written, one event a line; - is standard output', path)
    .option('--audit-log-maxsize <n>', 'at which size in megabytes the file is put aside (default: 100)', Number)
    .option('--audit-log-maxbackup <n>', 'how many files that were put aside are kept; 0: all (default: 0)', Number)
    .option('--audit-log-maxage <n>', 'after how many days they go; 0: never (default: 0)', Number)
    .option('--legacy-service-account-tokens', 'a Secret with a token that never ends for every service account, as clusters before 1.24 made them')
    .option('--terminated-pod-gc-threshold <n>', 'how many finished Pods are kept; the oldest go first, 0 keeps all (default: 12500)', Number)
    .option('--simulated-nodes <n>', 'so many nodes more that are only simulated: their Pods live whole lives, and run nothing', simulatedNodes)
    .option('--no-node', 'without a node on this machine: needs neither root nor Linux')
    .option('--detach', 'return when the node is Ready, and stay up in the background')
    .addOption(new Option('--log-level <level>', 'of the log').choices(['debug', 'info', 'warn', 'error'] as const).default('info' as const))
    .action(async (flags) => (await import('./commands/up.ts')).runUp(flags));
  withNodeFlags(up);

  const join = program
    .command('join <server>')
    .description('make this machine a node of a cluster elsewhere, or find it again, and stay with it; Ctrl-C leaves its containers running')
    .addOption(dataDir())
    .option('--token <token>', 'a join token, for the first time: `peapod token create` on the cluster shows the whole line')
    .option('--ca-hash <hash>', "of the cluster's certificate authority, as that line has it: sha256:…")
    .option('--node-name <name>', 'name of the node (default: the host name)')
    .option('--node-ip <address>', 'address by which the cluster reaches the node (default: the one from which it reaches the server)')
    .option('--node-lease-duration-seconds <n>', 'for how long each sign of life of the node holds (default: 40)', Number)
    .addOption(new Option('--runtime <name>', 'what runs the containers (default: containerd)').choices(['containerd', 'docker'] as const))
    .option('--runtime-endpoint <socket>', 'a containerd or CRI-O that runs already (default: a private containerd), or Docker (default: /var/run/docker.sock)')
    .addOption(new Option('--proxy-mode <name>', 'what leads Services to their endpoints (default: nftables, where it is missing iptables)').choices(['nftables', 'iptables'] as const))
    .option('--detach', 'return when the node is Ready, and stay up in the background')
    .addOption(new Option('--log-level <level>', 'of the log').choices(['debug', 'info', 'warn', 'error'] as const).default('info' as const))
    .action(async (server: string, flags) => (await import('./commands/join.ts')).runJoin(server, flags));
  withNodeFlags(join);

  const token = program.command('token').description('join tokens, by which other machines become nodes: make, list, delete');
  token
    .command('create')
    .description('make one, and show the line by which a machine joins')
    .addOption(dataDir())
    .addOption(output())
    .option('--ttl <duration>', 'how long it holds; 0: for good', duration, 24 * 3_600_000)
    .option('--description <text>', 'what it is for')
    .action(async (flags) => (await import('./commands/token.ts')).createToken(flags));
  token
    .command('list')
    .description('list them, without their secrets')
    .addOption(dataDir())
    .addOption(output())
    .action(async (flags) => (await import('./commands/token.ts')).listTokens(flags));
  token
    .command('delete <id...>')
    .description('take them back')
    .addOption(dataDir())
    .action(async (ids: string[], flags) => (await import('./commands/token.ts')).deleteTokens(flags, ids));

  program
    .command('down')
    .description('end every container of the cluster and remove what it put on this machine; its state stays')
    .addOption(dataDir())
    .option('--purge', 'also delete the data directory')
    .action(async (flags) => (await import('./commands/down.ts')).runDown(flags));

  program
    .command('status')
    .description('whether the cluster is up, and where')
    .addOption(dataDir())
    .addOption(output())
    .action(async (flags) => {
      process.exitCode = await (await import('./commands/status.ts')).runStatus(flags);
    });

  program
    .command('kubeconfig')
    .description("print the admin's kubeconfig")
    .addOption(dataDir())
    .action(async (flags) => (await import('./commands/kubeconfig.ts')).runKubeconfig(flags.dataDir));

  program
    .command('timeline <pod>')
    .description('the life of a Pod, drawn: what was done with it, when, and how long that took; for an hour also of one that is gone')
    .addOption(dataDir())
    .addOption(new Option('-n, --namespace <name>', 'where the Pod is').default('default'))
    .addOption(output())
    .option('--kubeconfig <file>', 'of a cluster that does not run here, as peapod kubeconfig writes it')
    .option('-f, --follow', 'go on until the Pod is gone')
    .addOption(new Option('-w, --watch', 'the same').hideHelp())
    .option('--ascii', 'draw with ASCII only')
    .action(async (pod: string, flags) => (await import('./commands/timeline.ts')).runTimeline(pod, { ...flags, follow: flags.follow ?? flags.watch }));

  const image = program.command('image').description('images on the node: load from archives, list, remove');
  image
    .command('load <file...>')
    .description('load docker or OCI archives')
    .addOption(dataDir())
    .action(async (files: string[], flags) => (await import('./commands/image.ts')).loadImages(flags.dataDir, files));
  image
    .command('ls')
    .description('list images')
    .addOption(dataDir())
    .addOption(output())
    .action(async (flags) => (await import('./commands/image.ts')).listImages(flags.dataDir, flags.output));
  image
    .command('rm <name...>')
    .description('remove images')
    .addOption(dataDir())
    .action(async (names: string[], flags) => (await import('./commands/image.ts')).removeImages(flags.dataDir, names));

  program
    .command('doctor')
    .description('what this machine has and lacks, and the line that mends it')
    .addOption(output())
    .action(async (flags) => {
      process.exitCode = (await import('./commands/doctor.ts')).runDoctor(flags.output);
    });

  for (const name of ['kubectl', 'helm'] as const) {
    program
      .command(`${name} [args...]`)
      .description(`run stock ${name} against this cluster (another data directory: PEAPOD_DATA_DIR, or --data-dir first)`)
      .passThroughOptions()
      .allowUnknownOption()
      .helpOption(false)
      .action(async (args: string[]) => {
        const [dir, rest] = leadingDataDir(args);
        process.exitCode = await (await import('./commands/stock.ts')).runStock(name, dir, rest);
      });
  }
  return program;
}

/** `--data-dir DIR` or `--data-dir=DIR` at the very front is ours; all that follows is the stock program's. */
function leadingDataDir(args: readonly string[]): [string, readonly string[]] {
  if (args[0] === '--data-dir' && args[1] !== undefined) return [args[1], args.slice(2)];
  if (args[0]?.startsWith('--data-dir=')) return [args[0].slice('--data-dir='.length), args.slice(1)];
  return [defaultDataDir, args];
}

/** Made absolute at once: a process in the background has its own working directory. `-` is standard output. */
function path(text: string): string {
  return text === '-' ? text : resolve(text);
}

function simulatedNodes(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('A number of nodes, 0 or more.');
  return value;
}

function flag(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('Either true or false.');
  return text === 'true';
}

/** Milliseconds. */
function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('A duration is written like 40s, 1m30s or 24h.');
  return ms;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535) throw new InvalidArgumentError('A port is a number from 1 to 65535, or 0 for any that is free.');
  return value;
}
