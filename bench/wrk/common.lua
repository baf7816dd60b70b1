-- Shared by the scripts: the token as first argument, the path as second, what names begin with as third, and a line of results that a program reads.
function setup_common(args)
  wrk.headers["Authorization"] = "Bearer " .. args[1]
  wrk.headers["Content-Type"] = "application/json"
  names = args[3]
  return args[2]
end

payload = string.rep("x", 1900)

function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, summary.bytes, summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout + summary.errors.connect))
end
