-- Each request comes from a person picked at random; all are written out before the first. A line of the file is a
-- cookie, or a cookie, a tab and the path that this person asks for.
local requests = {}

function init(args)
  math.randomseed(os.time())
  for line in io.lines(os.getenv("COOKIES")) do
    local cookie, path = line:match("^([^\t]*)\t?(.*)$")
    table.insert(requests, wrk.format("GET", path ~= "" and path or nil, {Host = wrk.headers["Host"], Cookie = cookie}))
  end
end

function request()
  return requests[math.random(#requests)]
end
