// What a failed pull is called, and said to be. Pure.
export type PullFailure = 'ErrImagePull' | 'RegistryUnavailable' | 'SignatureValidationFailed';

/** Runtimes that can tell these apart begin their message with the name (CRI's errors); of others every failure is ErrImagePull. */
const told: Readonly<Record<Exclude<PullFailure, 'ErrImagePull'>, string>> = {
  RegistryUnavailable: 'the registry is unavailable',
  SignatureValidationFailed: 'the signature validation failed',
};

export function pullFailure(image: string, message: string): { readonly reason: PullFailure; readonly message: string } {
  for (const [reason, why] of Object.entries(told) as [keyof typeof told, string][]) {
    if (message.startsWith(reason)) return { reason, message: `image pull failed for ${image} because ${why}${message.slice(reason.length)}` };
  }
  return { reason: 'ErrImagePull', message };
}
