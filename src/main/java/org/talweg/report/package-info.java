/** What a run showed, on one page of HTML that needs nothing else. */
package org.talweg.report;
