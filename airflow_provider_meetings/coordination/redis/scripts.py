"""Lua scripts, which Redis runs atomically. Times are microseconds of the server's clock.

`%.0f` is needed because Lua writes a number of this size as 1.7e+15.
"""

from __future__ import annotations

# KEYS: value, which begins with the lifetime it was set for. Returns the value, or nothing.
# A remaining lifetime longer than that was written before the clock was set back: the value would live too long.
GET = """
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
local lifetime, value = string.match(stored, '^(%d+) (.*)$')
if not lifetime or redis.call('PTTL', KEYS[1]) > tonumber(lifetime) then return false end
return value
"""

# The hash holds the last slot, the end of the block ("blocked_until"), and the time of the last write ("seen").
# A clock that shows less than "seen" was set back: the other two are moved back with it. A clock that shows much more
# may have been set forward, and processes may still wait for their slots: up to 2 seconds of the queue are kept.
_SLOTS = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('HMGET', KEYS[1], 'slot', 'blocked_until', 'seen')
local slot, blocked, seen = tonumber(state[1]), tonumber(state[2] or 0), tonumber(state[3] or 0)
if seen > now then
    blocked = blocked - (seen - now)
    if slot then slot = slot - (seen - now) end
elseif slot and slot > seen and now - seen > 60000000 then
    slot = now + math.min(slot - seen, 2000000)
end
local function save(spacing)
    redis.call('HSET', KEYS[1], 'blocked_until', string.format('%.0f', blocked), 'seen', string.format('%.0f', now))
    if slot then redis.call('HSET', KEYS[1], 'slot', string.format('%.0f', slot)) end
    local needed = math.max(slot or now, blocked) - now + spacing
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(needed / 1000) + 7200000))
end
"""

# KEYS: slots. ARGV: spacing, longest wait. Returns whether a slot was taken, and how far away it is.
RESERVE = (
    _SLOTS
    + """
local spacing = tonumber(ARGV[1])
local free = math.max(now, blocked)
if slot then free = math.max(free, slot + spacing) end
local wait = free - now
if wait > tonumber(ARGV[2]) then return {0, wait} end
slot = free
save(spacing)
return {1, wait}
"""
)

# KEYS: slots. ARGV: duration of the block.
BLOCK = (
    _SLOTS
    + """
blocked = math.max(blocked, now + tonumber(ARGV[1]))
save(0)
return 1
"""
)

# KEYS: record. ARGV: expected record (empty: none), new record, lifetime in milliseconds. Returns whether it is set.
COMPARE_AND_SET = """
local existing = redis.call('GET', KEYS[1]) or ''
if existing == ARGV[2] then return 1 end -- an earlier call wrote it and its answer was lost
if existing ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
