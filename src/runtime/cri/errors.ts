// What went wrong in a call, as the node must tell it apart. The runtime's own words are kept.
import { RuntimeError, type RuntimeErrorCode } from '../runtime.ts';
import { GrpcError } from './wire/grpc.ts';

/** Anything that is no GrpcError (an abort's reason, a bug) is given back as it is. */
export function runtimeError(call: string, error: unknown): unknown {
  if (!(error instanceof GrpcError)) return error;
  // The kubelet shows the whole status of a failed pull where it says more than `Unknown`, and only the words of all else.
  if (call === 'PullImage') return pullError(error);
  return new RuntimeError(codeOf(call, error), error.message, { cause: error });
}

function codeOf(call: string, { status, message }: GrpcError): RuntimeErrorCode {
  // containerd may notice the deadline itself, and tells of it in words.
  if (call === 'ExecSync' && (status === 'DeadlineExceeded' || /context deadline exceeded/.test(message))) return 'timeout';
  // containerd answers before its part for CRI does.
  if (/server is not initialized yet/.test(message)) return 'unavailable';
  switch (status) {
    case 'NotFound': return 'not-found';
    case 'AlreadyExists': return 'already-exists';
    case 'Unavailable':
    case 'DeadlineExceeded':
    case 'Canceled': return 'unavailable';
    // containerd: a name that another, or an earlier cut-off, call still holds.
    default: return / is reserved for /.test(message) ? 'already-exists' : 'failed';
  }
}

function pullError(error: GrpcError): RuntimeError {
  const code = error.status === 'Unavailable' && /^nothing listens|connection was lost/.test(error.message) ? 'unavailable' : /invalid reference format/.test(error.message) ? 'invalid-image' : 'pull-failed';
  return new RuntimeError(code, error.status === 'Unknown' ? error.message : `rpc error: code = ${error.status} desc = ${error.message}`, { cause: error });
}
