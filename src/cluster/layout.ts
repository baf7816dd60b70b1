// Where things lie under a cluster's data directory.
import { join } from 'node:path';

export interface Layout {
  readonly dataDir: string;
  /** What the cluster chose for itself at its first start. */
  readonly settings: string;
  /** Who runs on this directory now. */
  readonly instance: string;
  readonly kubeconfig: string;
  /** Of a node that has joined a cluster elsewhere. */
  readonly nodeKubeconfig: string;
  readonly pki: string;
  readonly store: string;
  readonly containerd: string;
  readonly images: string;
  readonly network: string;
  readonly node: string;
  readonly log: string;
}

export function layoutOf(dataDir: string): Layout {
  return {
    dataDir,
    settings: join(dataDir, 'cluster.json'),
    instance: join(dataDir, 'instance.json'),
    kubeconfig: join(dataDir, 'admin.kubeconfig'),
    nodeKubeconfig: join(dataDir, 'node.kubeconfig'),
    pki: join(dataDir, 'pki'),
    store: join(dataDir, 'store.db'),
    containerd: join(dataDir, 'containerd'),
    images: join(dataDir, 'images'),
    network: join(dataDir, 'network'),
    node: join(dataDir, 'node'),
    log: join(dataDir, 'peapod.log'),
  };
}
