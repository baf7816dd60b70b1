// The text of a kubeconfig with all credentials embedded, built without a YAML library.

export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  readonly authorityPem: string;
  readonly clientCertPem: string;
  readonly clientKeyPem: string;
  /** Names the cluster and the context. */
  readonly clusterName: string;
  /** Names the user in the file; the API server goes by the certificate. */
  readonly userName: string;
  readonly namespace?: string;
}

/** YAML in block style, with the keys in the order in which kubectl writes them. */
export function buildKubeconfig(options: KubeconfigOptions): string {
  const { clusterName, userName } = options;
  const user = `${clusterName}-${userName}`;
  return [
    'apiVersion: v1',
    'kind: Config',
    'preferences: {}',
    `current-context: ${quote(clusterName)}`,
    'clusters:',
    `- name: ${quote(clusterName)}`,
    '  cluster:',
    `    certificate-authority-data: ${base64(options.authorityPem)}`,
    `    server: ${quote(options.server)}`,
    'contexts:',
    `- name: ${quote(clusterName)}`,
    '  context:',
    `    cluster: ${quote(clusterName)}`,
    ...(options.namespace ? [`    namespace: ${quote(options.namespace)}`] : []),
    `    user: ${quote(user)}`,
    'users:',
    `- name: ${quote(user)}`,
    '  user:',
    `    client-certificate-data: ${base64(options.clientCertPem)}`,
    `    client-key-data: ${base64(options.clientKeyPem)}`,
    '',
  ].join('\n');
}

/** Only where a cluster is and who vouches for it: kube-public/cluster-info, as kubeadm writes it. */
export function buildClusterInfo({ server, authorityPem }: Pick<KubeconfigOptions, 'server' | 'authorityPem'>): string {
  return ['apiVersion: v1', 'clusters:', '- cluster:', `    certificate-authority-data: ${base64(authorityPem)}`, `    server: ${server}`, '  name: ""', 'contexts: null', 'current-context: ""', 'kind: Config', 'preferences: {}', 'users: null', ''].join('\n');
}

/** A JSON string is a YAML double-quoted scalar. */
function quote(text: string): string {
  return JSON.stringify(text);
}

function base64(pem: string): string {
  return Buffer.from(pem).toString('base64');
}
