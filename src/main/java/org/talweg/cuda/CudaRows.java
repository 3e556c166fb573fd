package org.talweg.cuda;

/** Launch shapes of the kernels of {@code kernels/rows.cuh}: a warp for a short row, a block for a long one. */
final class CudaRows {
    private static final int BLOCK = 256;
    private static final int WARP = 32;
    /** Rows longer than this get a block: a warp would take 32 rounds. */
    private static final int LONGEST_WARP_ROW = 1024;

    private CudaRows() {
    }

    /** Launches {@code name_warp} or {@code name_block}, with the two extents as last arguments. */
    static void launch(CudaDevice device, String family, String name, long rows, int columns,
                       LaunchArguments arguments) {
        if (rows == 0 || columns == 0) {
            return;
        }
        boolean warps = columns <= LONGEST_WARP_ROW;
        int rowsPerBlock = warps ? BLOCK / WARP : 1;
        device.launch(device.kernel(family, name + (warps ? "_warp" : "_block")),
            Math.toIntExact((rows + rowsPerBlock - 1) / rowsPerBlock), BLOCK, arguments.int64(rows).int32(columns));
    }
}
