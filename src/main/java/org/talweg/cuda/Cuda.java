package org.talweg.cuda;

import jcuda.driver.CUresult;

/** Turns the result of every driver call into silence or an exception that says what to do. */
final class Cuda {
    private Cuda() {
    }

    static void check(int result, String call) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw failure(result, call);
        }
    }

    static CudaException failure(int result, String call) {
        StringBuilder message = new StringBuilder(call).append(" failed with ").append(CUresult.stringFor(result))
            .append(" (").append(result).append("): ").append(remedy(result));
        String report = SoftwareDriver.takeReport();
        if (!report.isEmpty()) {
            message.append("\n").append(report);
        }
        return new CudaException(result, message.toString());
    }

    /** True for errors after which the context answers every call with the same error. */
    static boolean isFatal(int result) {
        return switch (result) {
            case CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
                CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION, CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
                CUresult.CUDA_ERROR_INVALID_PC, CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
                CUresult.CUDA_ERROR_ASSERT, CUresult.CUDA_ERROR_LAUNCH_FAILED,
                CUresult.CUDA_ERROR_LAUNCH_TIMEOUT, CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
                CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED -> true;
            default -> false;
        };
    }

    private static String remedy(int result) {
        if (isFatal(result)) {
            return "the device stopped in a kernel and its memory is lost; close the device and open it again. To see"
                + " where, run the same on --device software";
        }
        return switch (result) {
            case CUresult.CUDA_ERROR_OUT_OF_MEMORY -> "close what is no longer used, or make the batch smaller";
            case CUresult.CUDA_ERROR_NOT_SUPPORTED -> "this driver does not implement the call";
            case CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU -> "no kernel image fits this chip; build the project again";
            case CUresult.CUDA_ERROR_INVALID_PTX, CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION ->
                "the driver does not understand the kernels' PTX; install a newer driver";
            case CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES ->
                "the block needs more registers or shared memory than a multiprocessor has";
            case CUresult.CUDA_ERROR_NO_DEVICE, CUresult.CUDA_ERROR_INVALID_DEVICE ->
                "there is no such device; 'talweg devices' lists what is here";
            case CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE ->
                "another process holds the device exclusively; end it or choose another device";
            case CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
                "the kernel module and the user library of the driver differ; reboot after the driver update";
            case CUresult.CUDA_ERROR_UNKNOWN ->
                "the device does not answer; close what is open on it and try again, and reset it if that does not"
                    + " help (nvidia-smi --gpu-reset)";
            case CUresult.CUDA_ERROR_NOT_FOUND -> "the name is not in the kernel image; build the project again";
            default -> "this is a mistake in talweg or in the driver; please report it";
        };
    }
}
