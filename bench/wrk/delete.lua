local here = debug.getinfo(1, 'S').source:match('^@(.*/)')
dofile(here .. 'common.lua')

-- Deletes what create.lua made, in its order.
local path, n = "", -1

function init(args)
  path = setup_common(args)
end

function request()
  n = n + 1
  return wrk.format("DELETE", path .. "/c-" .. n)
end
