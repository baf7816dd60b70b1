// The ciphers of EncryptionConfiguration, each with one key.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Transformer } from './transformer.ts';

export interface NamedKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

const nonceBytes = 12;
const tagBytes = 16;
const blockBytes = 16;

/** A nonce of chance: change the key long before 2^32 writes (Kubernetes advises every 200,000). */
export function aesGcm({ name, secret }: NamedKey): Transformer {
  const cipher = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return encoded(`k8s:enc:aesgcm:v1:${name}:`, {
    seal(clear, key) {
      const nonce = randomBytes(nonceBytes);
      const sealing = createCipheriv(cipher, secret, nonce).setAAD(Buffer.from(key));
      return Buffer.concat([nonce, sealing.update(clear, 'utf8'), sealing.final(), sealing.getAuthTag()]);
    },
    open(sealed, key) {
      if (sealed.length < nonceBytes + tagBytes) throw new Error('the stored data was shorter than the required size');
      const opening = createDecipheriv(cipher, secret, sealed.subarray(0, nonceBytes)).setAAD(Buffer.from(key)).setAuthTag(sealed.subarray(-tagBytes));
      try {
        return opening.update(sealed.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + opening.final('utf8');
      } catch (cause) {
        throw new Error('cipher: message authentication failed', { cause });
      }
    },
  });
}

/** Kept for what was written so: it does not notice when it is bent. */
export function aesCbc({ name, secret }: NamedKey): Transformer {
  const cipher = `aes-${secret.length * 8}-cbc`;
  return encoded(`k8s:enc:aescbc:v1:${name}:`, {
    seal(clear) {
      const vector = randomBytes(blockBytes);
      const sealing = createCipheriv(cipher, secret, vector);
      return Buffer.concat([vector, sealing.update(clear, 'utf8'), sealing.final()]);
    },
    open(sealed) {
      if (sealed.length < blockBytes) throw new Error('the stored data was shorter than the required size');
      if (sealed.length % blockBytes !== 0) throw new Error('the stored data is not a multiple of the block size');
      const opening = createDecipheriv(cipher, secret, sealed.subarray(0, blockBytes));
      let bytes: Buffer;
      try {
        bytes = Buffer.concat([opening.update(sealed.subarray(blockBytes)), opening.final()]);
      } catch (cause) {
        throw new Error('invalid padding on input', { cause });
      }
      const clear = bytes.toString();
      // One time in 256 another key's padding looks right; what comes out then is no text.
      if (!clear.startsWith('{')) throw new Error('invalid padding on input');
      return clear;
    },
  });
}

/** XSalsa20-Poly1305, as NaCl's secretbox. */
export async function secretBox({ name, secret }: NamedKey): Promise<Transformer> {
  // Loaded only where it is asked for.
  const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js');
  const boxNonceBytes = 24;
  return encoded(`k8s:enc:secretbox:v1:${name}:`, {
    seal(clear) {
      const nonce = randomBytes(boxNonceBytes);
      return Buffer.concat([nonce, xsalsa20poly1305(secret, nonce).encrypt(Buffer.from(clear))]);
    },
    open(sealed) {
      if (sealed.length < boxNonceBytes) throw new Error('the stored data was shorter than the required size');
      try {
        return Buffer.from(xsalsa20poly1305(secret, sealed.subarray(0, boxNonceBytes)).decrypt(sealed.subarray(boxNonceBytes))).toString();
      } catch (cause) {
        throw new Error('output array was not large enough for encryption', { cause });
      }
    },
  });
}

interface Bytes {
  seal(clear: string, key: string): Buffer;
  open(sealed: Buffer, key: string): string;
}

function encoded(prefix: string, { seal, open }: Bytes): Transformer {
  return {
    prefix,
    write: (clear, key) => prefix + seal(clear, key).toString('base64'),
    read: (stored, key) => open(Buffer.from(stored.slice(prefix.length), 'base64'), key),
  };
}
