local here = debug.getinfo(1, 'S').source:match('^@(.*/)')
dofile(here .. 'common.lua')

function init(args)
  setup_common(args)
end
