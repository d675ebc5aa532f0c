package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// creation is what the API server does with an object that is to be made.
type creation interface {
	PrepareForCreate(ctx context.Context, made runtime.Object)
	Validate(ctx context.Context, made runtime.Object) field.ErrorList
	WarningsOnCreate(ctx context.Context, made runtime.Object) []string
}

// check reads a manifest as the API server does: unknown keys, defaults, every rule of its own, and what it would warn of.
func check(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "Job":
		written, err := readJob(file)
		if err != nil {
			return err
		}
		if err := created(written, &batch.Job{}, job.Strategy); err != nil {
			return err
		}
		if err := restricted(&written.Spec.Template); err != nil {
			return err
		}
		fmt.Println("Job", written.Name)
	case "PersistentVolumeClaim":
		var written corev1.PersistentVolumeClaim
		if err := yaml.UnmarshalStrict(text, &written); err != nil {
			return err
		}
		written.Namespace = metav1.NamespaceDefault
		if err := created(&written, &core.PersistentVolumeClaim{}, persistentvolumeclaim.Strategy); err != nil {
			return err
		}
		fmt.Println("PersistentVolumeClaim", written.Name)
	default:
		return fmt.Errorf("%s has an unknown kind %q", file, kind.Kind)
	}
	return nil
}

func readJob(file string) (*batchv1.Job, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var written batchv1.Job
	if err := yaml.UnmarshalStrict(text, &written); err != nil {
		return nil, err
	}
	written.Namespace = metav1.NamespaceDefault
	written.UID = "1"
	return &written, nil
}

// created goes the way of an object from what is written to what is stored.
func created(written, made runtime.Object, strategy creation) error {
	legacyscheme.Scheme.Default(written)
	if err := legacyscheme.Scheme.Convert(written, made, nil); err != nil {
		return err
	}
	ctx := context.Background()
	strategy.PrepareForCreate(ctx, made)
	if problems := strategy.Validate(ctx, made); len(problems) > 0 {
		return problems.ToAggregate()
	}
	if warnings := strategy.WarningsOnCreate(ctx, made); len(warnings) > 0 {
		return fmt.Errorf("warning: %s", strings.Join(warnings, "\nwarning: "))
	}
	return legacyscheme.Scheme.Convert(made, written, nil)
}

// restricted holds a pod to the strictest of the pod security standards.
func restricted(template *corev1.PodTemplateSpec) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
	if !result.Allowed {
		return fmt.Errorf("not restricted: %s: %s", result.ForbiddenReason(), result.ForbiddenDetail())
	}
	return nil
}
