package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/testing"
	"k8s.io/kubernetes/pkg/apis/batch"
	jobcontroller "k8s.io/kubernetes/pkg/controller/job"
	strategy "k8s.io/kubernetes/pkg/registry/batch/job"
)

// run has Kubernetes' own Job controller run a Job: it decides which pods there are, and what becomes of the Job. Pods
// are processes of this machine (node.go), and the API server is client-go's own double.
func run(file, directory string) error {
	written, err := readJob(file)
	if err != nil {
		return err
	}
	if err := created(written, &batch.Job{}, strategy.Strategy); err != nil {
		return err
	}
	// It waits for seconds between tries otherwise.
	jobcontroller.SyncJobBatchPeriod = 20 * time.Millisecond
	jobcontroller.DefaultJobPodFailureBackOff = 50 * time.Millisecond

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := fake.NewSimpleClientset(written)
	client.PrependReactor("*", "*", stored(client.Tracker()))
	var watched sync.WaitGroup
	watched.Add(2)
	client.PrependWatchReactor("*", watching(client, &watched))
	shared := informers.NewSharedInformerFactory(client, 0)
	controller, err := jobcontroller.NewController(ctx, shared.Core().V1().Pods(), shared.Batch().V1().Jobs(), client)
	if err != nil {
		return err
	}
	shared.Start(ctx.Done())
	shared.WaitForCacheSync(ctx.Done())
	watched.Wait()
	go controller.Run(ctx, 1)
	node := newNode(client, directory)
	for _, volume := range written.Spec.Template.Spec.Volumes {
		if err := os.MkdirAll(filepath.Join(directory, volume.Name), 0o755); err != nil {
			return err
		}
	}
	for {
		seen, err := client.BatchV1().Jobs(written.Namespace).Get(ctx, written.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if ended := conditionOf(seen); ended != "" {
			return node.report(seen, ended)
		}
		if err := node.startPods(ctx); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stored gives objects what the API server gives them and its double does not: pods a name and an id, and everything another
// version at each change, without which a controller takes it for unchanged.
func stored(tracker testing.ObjectTracker) testing.ReactionFunc {
	var changes atomic.Int64
	stamp := func(changed runtime.Object) {
		changed.(metav1.Object).SetResourceVersion(fmt.Sprint(changes.Add(1)))
	}
	return func(action testing.Action) (bool, runtime.Object, error) {
		switch change := action.(type) {
		case testing.PatchAction:
			handled, patched, err := testing.ObjectReaction(tracker)(action)
			if err != nil {
				return handled, patched, err
			}
			stamp(patched)
			return handled, patched, tracker.Update(action.GetResource(), patched, action.GetNamespace())
		case interface{ GetObject() runtime.Object }:
			stamp(change.GetObject())
			if pod, isPod := change.GetObject().(*corev1.Pod); isPod && action.GetVerb() == "create" {
				pod.Name = pod.GenerateName + pod.ResourceVersion
				pod.UID = types.UID(pod.Name)
			}
		}
		return false, nil, nil
	}
}

// watching says when jobs and pods are watched: the double forgets what happens between a list and the watch that goes on
// from it.
func watching(client *fake.Clientset, watched *sync.WaitGroup) testing.WatchReactionFunc {
	return func(action testing.Action) (bool, watch.Interface, error) {
		defer watched.Done()
		started, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		return true, started, err
	}
}

func conditionOf(job *batchv1.Job) batchv1.JobConditionType {
	for _, condition := range job.Status.Conditions {
		ends := condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed
		if ends && condition.Status == corev1.ConditionTrue {
			return condition.Type
		}
	}
	return ""
}

// report prints how a Job ended and what its pods did, in the order in which they ended.
func (n *node) report(job *batchv1.Job, ended batchv1.JobConditionType) error {
	failed := ""
	if job.Status.FailedIndexes != nil {
		failed = *job.Status.FailedIndexes
	}
	encoder := json.NewEncoder(os.Stdout)
	return encoder.Encode(map[string]any{
		"ended":     ended,
		"completed": job.Status.CompletedIndexes,
		"failed":    failed,
		"pods":      n.endedPods(),
	})
}
