// The parts of the engine's answers that are read here.

export interface ListedContainer {
  readonly Id: string;
  readonly State: EngineState;
  readonly Labels: Readonly<Record<string, string>>;
  readonly SizeRw?: number;
  readonly NetworkSettings?: { readonly Networks?: Networks };
}

export type EngineState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
type Networks = Readonly<Record<string, { readonly IPAddress: string; readonly GlobalIPv6Address?: string }>>;

export interface InspectedContainer {
  readonly Id: string;
  readonly Created: string;
  readonly Image: string;
  readonly ResolvConfPath: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>>; readonly Tty: boolean; readonly StopSignal?: string };
  readonly State: {
    readonly Status: EngineState;
    readonly Running: boolean;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly NetworkSettings: { readonly Networks?: Networks };
}

export interface InspectedImage {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Size: number;
  readonly Config?: { readonly User?: string } | null;
}

/** The primary first. */
export function addressesOf(networks: Networks | undefined): string[] {
  return Object.values(networks ?? {}).flatMap(({ IPAddress, GlobalIPv6Address = '' }) => [IPAddress, GlobalIPv6Address]).filter((address) => address !== '');
}
