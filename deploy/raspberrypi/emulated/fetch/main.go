// Command fetch fetches Debian's kernels for the emulated boards, if they are
// not here, and says where they are: see package kernels.
package main

import (
	"context"
	"fmt"
	"os"

	"gateway/deploy/raspberrypi/emulated/kernels"
)

func main() {
	if err := kernels.Fetch(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
	for _, arch := range []string{"arm64", "armhf"} {
		k, err := kernels.Find(arch)
		if err != nil {
			fmt.Fprintln(os.Stderr, "fetch:", err)
			os.Exit(1)
		}
		fmt.Println(k.Image)
	}
}
