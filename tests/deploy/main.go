// Command checks reads what docker-compose and Grafana read, with their own code.
//
//	checks compose FILE [PROFILE...]   prints the project, as JSON
//	checks dashboard FILE              prints nothing, or what is wrong
//	checks workflow FILE               the same of a workflow of GitHub's, as actionlint sees it
//	checks dockerfile FILE             prints the instructions, a line each
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/rhysd/actionlint"
)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: checks compose FILE [PROFILE...] | checks dashboard|workflow|dockerfile FILE"))
	}
	switch os.Args[1] {
	case "compose":
		fail(compose(os.Args[2], os.Args[3:]))
	case "dashboard":
		fail(checkDashboard(os.Args[2]))
	case "workflow":
		fail(checkWorkflow(os.Args[2]))
	case "dockerfile":
		fail(dockerfile(os.Args[2]))
	default:
		fail(fmt.Errorf("unknown check %q", os.Args[1]))
	}
}

// compose loads a project as `docker compose --profile ... config` does.
func compose(file string, profiles []string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithProfiles(profiles))
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

// checkWorkflow reads a workflow as GitHub does: its keys, the types of its expressions, what a job may know of another.
func checkWorkflow(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	linter, err := actionlint.NewLinter(os.Stderr, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	if err != nil {
		return err
	}
	problems, err := linter.Lint(file, text, nil)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%s is wrong", file)
	}
	return err
}

// dockerfile reads a Dockerfile as `docker build` does.
func dockerfile(file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	parsed, err := parser.Parse(opened)
	if err != nil {
		return err
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return err
	}
	for _, stage := range stages {
		for _, command := range stage.Commands {
			fmt.Println(strings.TrimSpace(fmt.Sprint(command)))
		}
	}
	return nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
