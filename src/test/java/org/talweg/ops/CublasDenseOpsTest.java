package org.talweg.ops;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.talweg.testing.TestDevice;

/**
 * The contract again with products by cuBLAS: on the software device by its stand-in, which sums in float32 at every
 * precision.
 */
class CublasDenseOpsTest extends DenseOpsTest {
    @BeforeEach
    void byCublas() {
        onEveryChip(MatrixProducts.CUBLAS);
    }

    @AfterEach
    void byTalweg() {
        onEveryChip(MatrixProducts.TALWEG);
    }

    private static void onEveryChip(MatrixProducts products) {
        TestDevice.accelerator().device().products(products);
        if (TestDevice.accelerator().isSoftware()) {
            TestDevice.olderChip().device().products(products);
        }
    }

    @Override
    boolean roundsOperands(TestDevice on) {
        return on.toString().equals("reference");
    }
}
