-- SequenceStore follows kstatus: a status made for an older generation says nothing about this one,
-- Reconciling is true while work goes on, Stalled when somebody has to act, and Ready says the rest.
local health = { status = "Progressing", message = "Waiting for the operator to look at it" }

local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local found = {}
for _, condition in ipairs(status.conditions) do
  if condition.status == "True" then
    found[condition.type] = condition
  elseif condition.type == "Ready" then
    health.message = condition.message
  end
end

if found.Reconciling ~= nil then
  health.message = found.Reconciling.message
elseif found.Stalled ~= nil then
  health.status = "Degraded"
  health.message = found.Stalled.message
elseif found.Ready ~= nil then
  health.status = "Healthy"
  health.message = found.Ready.message
end
return health
