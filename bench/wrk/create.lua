local here = debug.getinfo(1, 'S').source:match('^@(.*/)')
dofile(here .. 'common.lua')

-- wrk asks for one request beforehand, to look at it, and does not send it: so the first that is made is c-1.
local path, n = "", -1

function init(args)
  path = setup_common(args)
end

function request()
  n = n + 1
  local body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' .. names .. '-' .. n .. '"},"data":{"payload":"' .. payload .. '"}}'
  return wrk.format("POST", path, nil, body)
end
