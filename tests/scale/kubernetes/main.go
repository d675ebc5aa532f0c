// Command kubernetes reads manifests as a cluster's API server does, and runs a Job as a cluster does, but for containers.
//
//	kubernetes check FILE              prints what is in the file, or what is wrong with it
//	kubernetes run FILE DIRECTORY      runs the file's Job to its end, with its volumes in DIRECTORY; prints how it ended
package main

import (
	"fmt"
	"os"
)

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "check":
		fail(check(os.Args[2]))
	case len(os.Args) == 4 && os.Args[1] == "run":
		fail(run(os.Args[2], os.Args[3]))
	default:
		fail(fmt.Errorf("usage: kubernetes check FILE | kubernetes run FILE DIRECTORY"))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
