package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// health is the result of an Argo CD health script.
type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// The health statuses that Argo CD accepts. It shows any other value as Unknown.
var healths = map[string]bool{
	"Healthy": true, "Progressing": true, "Degraded": true, "Suspended": true, "Missing": true, "Unknown": true,
}

// runLua runs a health script in the Lua engine of Argo CD, with the limits that Argo CD sets for user scripts: only the
// base and table libraries, and a timeout of one second. The script reads the object from the global `obj`.
func runLua(script string, object *unstructured.Unstructured) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		call := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return health{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	text, err := object.MarshalJSON()
	if err != nil {
		return health{}, err
	}
	value, err := luajson.Decode(state, text)
	if err != nil {
		return health{}, err
	}
	state.SetGlobal("obj", value)
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return health{}, fmt.Errorf("the script returns a %s instead of a table", returned.Type())
	}
	text, err = luajson.Encode(returned)
	if err != nil {
		return health{}, err
	}
	var result health
	if err := json.Unmarshal(text, &result); err != nil {
		return health{}, err
	}
	if !healths[result.Status] {
		return health{}, fmt.Errorf("the script returns the health status %q, which Argo CD does not know", result.Status)
	}
	return result, nil
}
