package nbd

import (
	"errors"
	"testing"
	"testing/synctest"
)

// The disk stops within a write, and answers nobody until after the cut.
func TestThePowerGoesInAWrite(t *testing.T) {
	for name, fua := range map[string]bool{"cached": false, "FUA": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, file := newDisk(t, 8)
				stopped := d.StopAfter(5)
				ok(t, d.WriteAt(fill(1, 2), 0, fua))
				ok(t, d.Flush())
				answers := make(chan error, 4)
				go func() { answers <- d.WriteAt(fill(2, 6), Sector, fua) }() // three of them are written
				<-stopped
				go func() { answers <- d.Flush() }()
				go func() { answers <- d.Zero(0, Sector, fua) }()
				go func() {
					_, err := d.ReadAt(make([]byte, Sector), 0)
					answers <- err
				}()
				synctest.Wait()
				if len(answers) != 0 {
					t.Error("a disk without power answers")
				}
				want := []byte{1, 1, 0, 0, 0, 0, 0, 0}
				report := Report{Waiting: 3}
				if fua {
					want, report = []byte{1, 2, 2, 2, 0, 0, 0, 0}, Report{}
				}
				if r, err := d.Cut(LoseAll, nil); err != nil || r != report {
					t.Errorf("cut: %v, %v", r, err)
				}
				for range 4 {
					if err := <-answers; !errors.Is(err, errPower) {
						t.Errorf("after the cut: %v", err)
					}
				}
				equal(t, "the image", content(t, file), want)
				ok(t, d.WriteAt(fill(3, 8), 0, fua)) // it is on again
				equal(t, "the disk", read(t, d), fill(3, 8)[:8])
			})
		})
	}
}

// Who waits for a disk that has stopped is let go when it is closed.
func TestADiskWithoutPowerIsClosed(t *testing.T) {
	d, _ := newDisk(t, 8)
	stopped := d.StopAfter(1)
	answer := make(chan error)
	go func() { answer <- d.Zero(0, 8*Sector, false) }()
	<-stopped
	ok(t, d.Close())
	if err := <-answer; !errors.Is(err, errPower) {
		t.Errorf("after Close: %v", err)
	}
}

// What was to stop need not.
func TestThePowerStaysOnForTheNextTime(t *testing.T) {
	d, _ := newDisk(t, 8)
	d.StopAfter(1)
	if _, err := d.Cut(LoseAll, nil); err != nil { // before it came to that
		t.Fatal(err)
	}
	ok(t, d.WriteAt(fill(1, 8), 0, false))
	d.StopAfter(1)
	stopped := d.StopAfter(9)
	ok(t, d.WriteAt(fill(1, 8), 0, true))
	select {
	case <-stopped:
		t.Error("it has stopped one too early")
	default:
	}
}
