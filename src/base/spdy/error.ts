/** The peer broke the protocol, or the connection is gone. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}
