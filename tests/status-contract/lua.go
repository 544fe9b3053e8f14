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

// health is what a script of Argo CD returns.
type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// What Argo CD takes for a health; anything else it shows as Unknown.
var healths = map[string]bool{
	"Healthy": true, "Progressing": true, "Degraded": true, "Suspended": true, "Missing": true, "Unknown": true,
}

// runLua runs a health script in the engine of Argo CD with what Argo CD gives to a user's script: the base and table
// libraries, a second, and the object as the global `obj`.
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
		return health{}, fmt.Errorf("the script returns no table but %s", returned.Type())
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
		return health{}, fmt.Errorf("the script returns the health %q, which Argo CD does not know", result.Status)
	}
	return result, nil
}
