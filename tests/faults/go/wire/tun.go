package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Makes a device whose packets are IP packets without anything in front. It is gone when the file is
// closed.
func openTUN(name string) (*os.File, error) {
	const (
		setInterface = 0x400454ca      // TUNSETIFF
		flags        = 0x0001 | 0x1000 // IFF_TUN, IFF_NO_PI
	)
	if len(name) >= syscall.IFNAMSIZ {
		return nil, fmt.Errorf("the name %s is too long", name)
	}
	// Not blocking, so that Go waits for all devices on one thread.
	file, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	var request struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], name)
	request.flags = flags
	if _, _, failed := syscall.Syscall(
		syscall.SYS_IOCTL, uintptr(file), setInterface, uintptr(unsafe.Pointer(&request))); failed != 0 {
		syscall.Close(file)
		return nil, fmt.Errorf("TUNSETIFF: %w", failed)
	}
	return os.NewFile(uintptr(file), name), nil
}
