-- GCRA (ITU-T I.371): each key holds its theoretical arrival time in microseconds of Redis's own clock.
-- For key i: ARGV[3i-2] interval, ARGV[3i-1] burst, ARGV[3i] requests already let through without asking.
-- Returns for each key 0 (go on) or the microseconds to wait.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answers = {}
for i, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[3 * i - 2])
  local burst = tonumber(ARGV[3 * i - 1])
  local debt = tonumber(ARGV[3 * i])
  local arrival = math.max(tonumber(redis.call('GET', key)) or now, now)
  -- What was let through counts, but never for more than the burst: nobody is punished for longer than the limit says.
  arrival = math.min(arrival + debt * interval, now + burst * interval)
  local wait = arrival + interval - burst * interval - now
  if wait > 0 then
    answers[i] = math.ceil(wait)
  else
    arrival = arrival + interval
    answers[i] = 0
  end
  if arrival > now then
    redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
  end
end
return answers
