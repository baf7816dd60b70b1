local here = debug.getinfo(1, 'S').source:match('^@(.*/)')
dofile(here .. 'common.lua')

-- Walks over the objects that create.lua made, so that connections seldom meet on one.
local path, n = "", 0

function init(args)
  path = setup_common(args)
  wrk.headers["Content-Type"] = "application/merge-patch+json"
end

function request()
  n = n + 1
  return wrk.format("PATCH", path .. "/" .. names .. "-" .. (n % 1000 + 1), nil, '{"data":{"n":"' .. n .. '"}}')
end
