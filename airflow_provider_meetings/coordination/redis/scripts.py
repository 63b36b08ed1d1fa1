"""Lua scripts, which Redis runs atomically. Times are microseconds of the server's clock.

`%.0f` is needed because Lua writes a number of this size as 1.7e+15.
"""

from __future__ import annotations

from airflow_provider_meetings.api.http.rate_limit import MAX_SECONDS
from airflow_provider_meetings.coordination.stored import MAX_VALUE_BYTES

# Reads a string, but not one that is too large. Such a one, or another type, counts as absent.
_STORED = f"""
local stored = redis.pcall('GETRANGE', KEYS[1], 0, {MAX_VALUE_BYTES})
if stored.err and not string.find(stored.err, 'WRONGTYPE', 1, true) then return stored end
local unusable = stored.err or #stored > {MAX_VALUE_BYTES}
if unusable then stored = '' end
"""

# KEYS: record, or value, which begins with the lifetime it was set for. ARGV: the longest lifetime of a value; 0 for a
# record. Returns what is stored, nothing, or 0 if it counts as absent.
# A remaining lifetime longer than the value's was written before the clock was set back: it would live too long.
GET = f"""{_STORED}
if unusable then return 0 end
if stored == '' or ARGV[1] == '0' then return stored ~= '' and stored end
local lifetime, value = string.match(stored, '^(%d+) (.*)$')
local remaining = redis.call('PTTL', KEYS[1])
if not lifetime or remaining == -1 or remaining > tonumber(ARGV[1]) then return 0 end
return remaining <= tonumber(lifetime) and value
"""

# The hash holds the last slot, the end of the block ("blocked_until"), and the time of the last write ("seen").
# A clock that shows less than "seen" was set back: the other two are moved back with it. A clock that shows much more
# may have been set forward, and processes may still wait for their slots: up to 2 seconds of the queue are kept.
# Another type, no finite numbers, or times that no answer can cause count as absent: `ignored` is 1.
_SLOTS = f"""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.pcall('HMGET', KEYS[1], 'slot', 'blocked_until', 'seen')
if state.err and not string.find(state.err, 'WRONGTYPE', 1, true) then return state end
local slot, blocked, seen = tonumber(state[1]), tonumber(state[2] or 0), tonumber(state[3] or 0)
local function usable(number, largest) return number and number > -1e16 and number <= largest end
local last, ignored = (seen or 0) + {MAX_SECONDS * 1e6:.0f}, 0
if state.err or not (usable(seen, 1e16) and usable(blocked, last) and (not state[1] or usable(slot, last))) then
    redis.call('DEL', KEYS[1])
    slot, blocked, seen, ignored = nil, 0, 0, 1
end
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

# KEYS: slots. ARGV: spacing, longest wait. Returns `ignored`, whether a slot was taken, and how far away it is.
RESERVE = (
    _SLOTS
    + """
local spacing = tonumber(ARGV[1])
local free = math.max(now, blocked)
if slot then free = math.max(free, slot + spacing) end
local wait = free - now
if wait > tonumber(ARGV[2]) then return {ignored, 0, wait} end
slot = free
save(spacing)
return {ignored, 1, wait}
"""
)

# KEYS: slots. ARGV: duration of the block. Returns `ignored`.
BLOCK = (
    _SLOTS
    + """
blocked = math.max(blocked, now + tonumber(ARGV[1]))
save(0)
return {ignored}
"""
)

# KEYS: record. ARGV: expected record (empty: none), new record, lifetime in milliseconds. Returns whether it is set.
COMPARE_AND_SET = f"""{_STORED}
if stored == ARGV[2] then return 1 end -- an earlier call wrote it and its answer was lost
if stored ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
