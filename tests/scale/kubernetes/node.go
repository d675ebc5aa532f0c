package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// evicted is how a benchmark ends that was told to go, as a node tells it that is drained.
const evicted = 130

// node stands for the kubelets: it runs the command of each pod as a process, with a directory in place of each volume.
type node struct {
	client    kubernetes.Interface
	directory string
	lock      sync.Mutex
	started   map[string]bool
	ended     []endedPod
}

type endedPod struct {
	Index string `json:"index"`
	Code  int    `json:"code"`
}

func newNode(client kubernetes.Interface, directory string) *node {
	return &node{client: client, directory: directory, started: map[string]bool{}}
}

func (n *node) endedPods() []endedPod {
	n.lock.Lock()
	defer n.lock.Unlock()
	return append([]endedPod{}, n.ended...)
}

// startPods starts every pod that is not started yet.
func (n *node) startPods(ctx context.Context) error {
	pods, err := n.client.CoreV1().Pods(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if !n.started[pod.Name] {
			n.started[pod.Name] = true
			go n.live(ctx, pod.DeepCopy())
		}
	}
	return nil
}

// live runs the one container of a pod, and says how it ended.
func (n *node) live(ctx context.Context, pod *corev1.Pod) {
	container := pod.Spec.Containers[0]
	words := append(append([]string{}, container.Command...), container.Args...)
	command := exec.Command(words[0], words[1:]...)
	command.Env = append(os.Environ(), n.environment(pod, container)...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	code := codeOf(command.Run())

	n.lock.Lock()
	n.ended = append(n.ended, endedPod{Index: pod.Annotations[batchv1.JobCompletionIndexAnnotation], Code: code})
	n.lock.Unlock()
	pod.Status.Phase = corev1.PodSucceeded
	if code != 0 {
		pod.Status.Phase = corev1.PodFailed
	}
	if code == evicted {
		disrupted := corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}
		pod.Status.Conditions = append(pod.Status.Conditions, disrupted)
	}
	terminated := corev1.ContainerStateTerminated{ExitCode: int32(code), FinishedAt: metav1.Now()}
	state := corev1.ContainerState{Terminated: &terminated}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: container.Name, State: state}}
	if _, err := n.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// environment is what a container is told. Secrets are not there, so those that have to be are errors of the command's.
func (n *node) environment(pod *corev1.Pod, container corev1.Container) []string {
	var told []string
	for _, variable := range container.Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil {
			if from.FieldRef == nil {
				continue
			}
			value = pod.Annotations[batchv1.JobCompletionIndexAnnotation]
		}
		told = append(told, variable.Name+"="+n.mounted(value, container.VolumeMounts))
	}
	return told
}

// mounted is where a path of a container lies on this machine.
func (n *node) mounted(path string, mounts []corev1.VolumeMount) string {
	for _, mount := range mounts {
		if path == mount.MountPath || strings.HasPrefix(path, mount.MountPath+"/") {
			return filepath.Join(n.directory, mount.Name) + strings.TrimPrefix(path, mount.MountPath)
		}
	}
	return path
}

func codeOf(err error) int {
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		if err != nil {
			return 127
		}
		return 0
	}
	if status := ended.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return ended.ExitCode()
}
