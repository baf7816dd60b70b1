// containerd's config.toml for a private containerd: pure. Plugins that Pods do not need are left out.
import type { Places } from './places.ts';

export interface ContainerdConfig {
  readonly places: Places;
  readonly cniConfDir: string;
  readonly cniBinDir: string;
  readonly pauseImage: string;
  readonly snapshotter: 'overlayfs' | 'native';
  /** False where the kernel refuses us to lower oom_score_adj: then no container asks for less than containerd has. */
  readonly canLowerOomScore: boolean;
}

const needless = [
  'io.containerd.snapshotter.v1.aufs', 'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.devmapper', 'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt', 'io.containerd.internal.v1.restart', 'io.containerd.internal.v1.tracing', 'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.monitor.v1.cgroups', 'io.containerd.nri.v1.nri', 'io.containerd.grpc.v1.healthcheck',
];

export function configToml(config: ContainerdConfig): string {
  const { places } = config;
  const disabled = [...needless, `io.containerd.snapshotter.v1.${config.snapshotter === 'overlayfs' ? 'native' : 'overlayfs'}`];
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `# Written by Peapod at each start.
version = 2
root = ${quote(places.root)}
state = ${quote(places.state)}
oom_score = ${config.canLowerOomScore ? -999 : 0}
disabled_plugins = [${disabled.map(quote).join(', ')}]

[grpc]
  address = ${quote(places.socket)}

[${cri}]
  sandbox_image = ${quote(config.pauseImage)}
  systemd_cgroup = false
  restrict_oom_score_adj = ${!config.canLowerOomScore}
  netns_mounts_under_state_dir = true
  [${cri}.cni]
    bin_dir = ${quote(config.cniBinDir)}
    conf_dir = ${quote(config.cniConfDir)}
  [${cri}.containerd]
    snapshotter = ${quote(config.snapshotter)}
    [${cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [${cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = ${quote(places.runc)}
`;
}

/** A TOML basic string, whose escapes are JSON's. */
function quote(text: string): string {
  return JSON.stringify(text);
}
