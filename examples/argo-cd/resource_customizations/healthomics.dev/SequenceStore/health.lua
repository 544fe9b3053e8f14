-- SequenceStore follows kstatus: a status with an older observedGeneration does not describe the current spec.
-- Reconciling is true while the operator works, Stalled when a user must act, and Ready when the store can be used.
local health = { status = "Progressing", message = "Waiting for the operator to reconcile the object" }

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
