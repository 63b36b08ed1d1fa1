"""What Redis does in one piece. Times are whole microseconds of the server's clock (a lease: milliseconds).

`%.0f` because Lua writes a number of this size as 1.7e+15.
"""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""

# Keys: hold, queue (owners in the order of asking), waiting (until when each counts as alive). Arguments: owner, lease.
# Answer: -1 for held, else the place in the queue, 21 for any further one.
# What lies further ahead than a lease was written before the clock was set back.
ACQUIRE = (
    _NOW
    + """
local hold, queue, waiting, owner, lease = KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[2])
local function leave(who)
    redis.call('LREM', queue, 1, who)
    redis.call('ZREM', waiting, who)
end
local alive = now + lease * 1000
if redis.call('PTTL', hold) > lease then redis.call('PEXPIRE', hold, lease) end
if redis.call('GET', hold) == owner then return -1 end -- the answer to the same question was lost
if redis.call('EXISTS', queue) == 1 then
    for _, who in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', string.format('%.0f', now))) do leave(who) end
    for _, who in ipairs(redis.call('ZRANGEBYSCORE', waiting, string.format('(%.0f', alive), '+inf')) do leave(who) end
end
local first = redis.call('LINDEX', queue, 0)
if (not first or first == owner) and redis.call('SET', hold, owner, 'NX', 'PX', lease) then
    if first then leave(owner) end
    return -1
end
if not redis.call('ZSCORE', waiting, owner) then redis.call('RPUSH', queue, owner) end
redis.call('ZADD', waiting, string.format('%.0f', alive), owner)
redis.call('PEXPIRE', queue, 2 * lease)
redis.call('PEXPIRE', waiting, 2 * lease)
local ahead = redis.call('LRANGE', queue, 0, 19)
for place, who in ipairs(ahead) do
    if who == owner then return place end
end
return #ahead + 1
"""
)

# Keys: value, which begins with for how long it was set. Answer: the value, or nothing.
# One with longer to go than that was set before the clock was set back. Kept, a refusal would outlast its block.
GET = """
local held = redis.call('GET', KEYS[1])
if not held then return false end
local lifetime, value = string.match(held, '^(%d+) (.*)$')
if not lifetime or redis.call('PTTL', KEYS[1]) > tonumber(lifetime) then return false end
return value
"""

# Keys: hold. Arguments: owner, lease.
RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# Keys: hold, queue, waiting. Arguments: owner.
LEAVE = """
redis.call('LREM', KEYS[2], 1, ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

# The last slot that was given, until when none is, and when that was written. A clock that shows less than it did
# then was set back: the others go back with it. One that shows much more may have been set forward, and those who stood
# in the queue then may still: it is kept, as long as it costs little if they are gone. So is the key.
_SLOTS = (
    _NOW
    + """
local state = redis.call('HMGET', KEYS[1], 'slot', 'postponed', 'seen')
local slot, postponed, seen = tonumber(state[1]), tonumber(state[2] or 0), tonumber(state[3] or 0)
if seen > now then
    postponed = postponed - (seen - now)
    if slot then slot = slot - (seen - now) end
elseif slot and slot > seen and now - seen > 60000000 then
    slot = now + math.min(slot - seen, 2000000)
end
local function keep(longer)
    redis.call('HSET', KEYS[1], 'postponed', string.format('%.0f', postponed), 'seen', string.format('%.0f', now))
    if slot then redis.call('HSET', KEYS[1], 'slot', string.format('%.0f', slot)) end
    local needed = math.max(slot or now, postponed) - now + longer
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(needed / 1000) + 7200000))
end
"""
)

# Keys: slots. Arguments: spacing, longest. Answer: whether one was taken, how far away it is.
RESERVE = (
    _SLOTS
    + """
local spacing = tonumber(ARGV[1])
local free = math.max(now, postponed)
if slot then free = math.max(free, slot + spacing) end
local away = free - now
if away > tonumber(ARGV[2]) then return {0, away} end
slot = free
keep(spacing)
return {1, away}
"""
)

# Keys: slots. Arguments: for how long from now.
POSTPONE = (
    _SLOTS
    + """
postponed = math.max(postponed, now + tonumber(ARGV[1]))
keep(0)
return 1
"""
)

# Keys: record. Arguments: what it was (empty: none), what it shall be, for how long. Answer: whether it is now.
SWAP = """
local stands = redis.call('GET', KEYS[1]) or ''
if stands == ARGV[2] then return 1 end -- the answer to the same question was lost
if stands ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
