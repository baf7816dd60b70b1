local here = debug.getinfo(1, 'S').source:match('^@(.*/)')
dofile(here .. 'common.lua')

local path, n = "", 0

function init(args)
  path = setup_common(args)
end

function request()
  n = n + 1
  local body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c-' .. n .. '"},"data":{"payload":"' .. payload .. '"}}'
  return wrk.format("POST", path, nil, body)
end
