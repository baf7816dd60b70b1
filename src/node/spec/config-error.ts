// What the Pod asks for cannot be had (yet): a missing ConfigMap or key, an image that runs as root where it must not.

/** The container waits with reason CreateContainerConfigError and this message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
