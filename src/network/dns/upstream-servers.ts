// Who is asked about the world: pure.

/** The name servers of a resolv.conf(5), at most three as resolvers use them. */
export function upstreamServers(resolvConf: string): string[] {
  const servers = resolvConf.split('\n').flatMap((line) => {
    const [key, server] = line.trim().split(/\s+/);
    return key === 'nameserver' && server ? [server] : [];
  });
  return servers.slice(0, 3);
}
