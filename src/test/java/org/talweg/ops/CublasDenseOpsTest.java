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
        TestDevice.accelerator().device().products(MatrixProducts.CUBLAS);
    }

    @AfterEach
    void byTalweg() {
        TestDevice.accelerator().device().products(MatrixProducts.TALWEG);
    }

    @Override
    boolean roundsOperands(TestDevice on) {
        return on.toString().equals("reference");
    }
}
