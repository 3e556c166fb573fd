package org.talweg.cuda;

/** Launch shapes of the kernels of {@code kernels/rows.cuh}: a part of a warp for a short row, a block for a long one. */
final class CudaRows {
    static final int BLOCK = 256;
    static final int WARP = 32;
    /** Rows longer than this get a block: a warp would take 32 rounds. */
    static final int LONGEST_WARP_ROW = 1024;

    private CudaRows() {
    }

    /** Threads of a group: the smallest power of two up to a warp that covers the row, or a block. */
    static int width(boolean warps, int columns) {
        int width = warps ? WARP : BLOCK;
        while (warps && width / 2 >= columns) {
            width /= 2;
        }
        return width;
    }

    /** Blocks for so many rows, each with a group of so many threads. */
    static int grid(long rows, int width) {
        int rowsPerBlock = BLOCK / width;
        return Math.toIntExact((rows + rowsPerBlock - 1) / rowsPerBlock);
    }

    /** Launches {@code name_warp} or {@code name_block}; extents and width come after the other arguments. */
    static void launch(CudaDevice device, String family, String name, long rows, int columns,
                       LaunchArguments arguments) {
        if (rows == 0 || columns == 0) {
            return;
        }
        boolean warps = columns <= LONGEST_WARP_ROW;
        int width = width(warps, columns);
        device.launch(device.kernel(family, name + (warps ? "_warp" : "_block")), grid(rows, width), BLOCK,
            arguments.int64(rows).int32(columns).int32(width));
    }
}
