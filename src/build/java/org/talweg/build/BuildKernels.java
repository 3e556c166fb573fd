package org.talweg.build;

final class BuildKernels {
    private BuildKernels() {
    }

    public static void main(String[] args) {
    }
}
