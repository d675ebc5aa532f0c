// Command checks reads what docker-compose and Grafana read, with their own code.
//
//	checks compose FILE [PROFILE...]   prints the project, as JSON
//	checks dashboard FILE              prints nothing, or what is wrong
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: checks compose FILE [PROFILE...] | checks dashboard FILE"))
	}
	switch os.Args[1] {
	case "compose":
		fail(compose(os.Args[2], os.Args[3:]))
	case "dashboard":
		fail(checkDashboard(os.Args[2]))
	default:
		fail(fmt.Errorf("unknown check %q", os.Args[1]))
	}
}

// compose loads a project as `docker compose --profile ... config` does.
func compose(file string, profiles []string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithProfiles(profiles))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

// checkDashboard decodes by Grafana's own schema, from which the types are generated: unknown fields, missing ones and
// values of another type are errors, in the options of each kind of panel and in the queries of Prometheus too.
func checkDashboard(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	plugins.RegisterDefaultPlugins()
	var decoded dashboard.Dashboard
	err = decoded.UnmarshalJSONStrict(text)
	// Where nothing is wrong it returns an empty list, which is not nil.
	if problems, isList := err.(cog.BuildErrors); err != nil && !(isList && len(problems) == 0) {
		return err
	}
	return decoded.Validate()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
